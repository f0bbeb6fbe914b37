#include "protocol/home/log_index_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

namespace keeper {
namespace {

constexpr std::string_view kMagic = "keeperi1";
constexpr std::size_t kRecord = 16;  // of the header, and of each entry

std::uint64_t little_endian(const unsigned char* bytes) {
  std::uint64_t value = 0;
  for (int i = 7; i >= 0; --i)
    value = value << 8 | bytes[i];
  return value;
}

bool read_record(int fd, std::uint64_t number, unsigned char (&record)[kRecord]) {
  return pread(fd, record, kRecord, static_cast<off_t>(number * kRecord)) == static_cast<ssize_t>(kRecord);
}

Fd open_index(const std::string& name, std::uint64_t& inode) {
  Fd fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY));
  unsigned char header[kRecord];
  if (!fd || !read_record(fd.get(), 0, header) || std::memcmp(header, kMagic.data(), kMagic.size()) != 0)
    return Fd();
  inode = little_endian(header + kMagic.size());
  return fd;
}

}  // namespace

LogIndexReader LogIndexReader::open(const std::string& name, std::uint64_t inode) {
  LogIndexReader index;
  std::uint64_t made_for = 0;
  Fd fd = open_index(name, made_for);
  struct stat at {};
  if (!fd || (inode != 0 && made_for != inode) || fstat(fd.get(), &at) != 0) return index;
  // The last entry may be half written.
  index.count_ = static_cast<std::uint64_t>(at.st_size) / kRecord - 1;
  index.fd_ = std::move(fd);
  return index;
}

std::optional<TimeOfPlace> LogIndexReader::entry(std::uint64_t number) const {
  unsigned char record[kRecord];
  if (number >= count_ || !read_record(fd_.get(), number + 1, record)) return std::nullopt;
  return TimeOfPlace{static_cast<std::int64_t>(little_endian(record)), little_endian(record + 8)};
}

template <class Before>
std::uint64_t LogIndexReader::bisect(Before before) const {
  std::uint64_t low = 0, high = count_;
  while (low < high) {
    std::uint64_t middle = low + (high - low) / 2;
    auto found = entry(middle);
    if (found && before(*found))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

std::uint64_t LogIndexReader::first_since(std::int64_t ms) const {
  return bisect([ms](const TimeOfPlace& entry) { return entry.ms < ms; });
}

std::uint64_t LogIndexReader::first_beyond(std::uint64_t offset) const {
  return bisect([offset](const TimeOfPlace& entry) { return entry.offset <= offset; });
}

std::uint64_t log_inode_of_index(const std::string& name) {
  std::uint64_t inode = 0;
  return open_index(name, inode) ? inode : 0;
}

}  // namespace keeper
