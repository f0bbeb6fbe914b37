#include "protocol/logs/index.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

namespace keeper {
namespace {

constexpr std::string_view kMagic = "keeperi2";
constexpr std::uint64_t kMostEntries = 1ULL << 40;

void put_number(char* at, std::uint64_t number) {
  for (int i = 0; i < 8; ++i, number >>= 8)
    at[i] = static_cast<char>(number & 0xFF);
}

std::uint64_t number_at(const char* at) {
  std::uint64_t number = 0;
  for (int i = 8; i > 0; --i)
    number = number << 8 | static_cast<unsigned char>(at[i - 1]);
  return number;
}

/// Returns whether `later` is less than a second after `time`, or not after it at all; correct for any two.
bool within_a_second(WallTime time, WallTime later) {
  auto from = time.time_since_epoch().count(), to = later.time_since_epoch().count();
  return to <= from || static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from) < 1000;
}

}  // namespace

std::string index_name(const std::string& log_name) {
  bool packed = log_name.ends_with(".gz");
  return log_name.substr(0, log_name.size() - (packed ? 3 : 0)) + ".idx";
}

Fd open_index(const std::string& log_name) {
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY;
  return Fd(open(index_name(log_name).c_str(), flags));
}

IndexRecord index_header(std::uint64_t inode) {
  IndexRecord out;
  std::memcpy(out.data(), kMagic.data(), kMagic.size());
  put_number(out.data() + 8, inode);
  return out;
}

IndexRecord index_record(const IndexEntry& entry) {
  IndexRecord out;
  put_number(out.data(), static_cast<std::uint64_t>(entry.time.time_since_epoch().count()));
  put_number(out.data() + 8, entry.offset);
  return out;
}

void store_index_record(char* at, const IndexRecord& record) {
  std::memcpy(at + 8, record.data() + 8, 8);
  std::atomic_thread_fence(std::memory_order_release);
  std::memcpy(at, record.data(), 8);
}

std::optional<IndexEntry> IndexPace::next(WallTime now, std::uint64_t offset) {
  if (last_ && within_a_second(last_->time, now)) return {};
  return last_ = IndexEntry{now, offset};
}

bool LogIndex::read(std::uint64_t at, IndexRecord& into) const {
  if (fd_ < 0) {
    if (bytes_.size() < into.size() || at > bytes_.size() - into.size()) return false;
    std::memcpy(into.data(), bytes_.data() + at, into.size());
    return true;
  }
  ssize_t got = 0;
  do {
    got = pread(fd_, into.data(), into.size(), static_cast<off_t>(at));
  } while (got < 0 && errno == EINTR);
  return got == static_cast<ssize_t>(into.size());
}

std::uint64_t LogIndex::room() const {
  IndexRecord header;
  if (!read(0, header) || header != index_header(inode_)) return 0;
  std::uint64_t size = bytes_.size();
  struct stat st {};
  if (fd_ >= 0) size = fstat(fd_, &st) == 0 ? static_cast<std::uint64_t>(st.st_size) : 0;
  std::uint64_t entries = size / kIndexRecord;
  return entries == 0 || entries > kMostEntries ? 0 : entries - 1;
}

std::optional<IndexEntry> LogIndex::entry(std::uint64_t number) const {
  IndexRecord record;
  if (number >= room() || !read((number + 1) * kIndexRecord, record)) return {};
  Millis since_1970(static_cast<std::int64_t>(number_at(record.data())));
  if (since_1970.count() == 0) return {};
  return IndexEntry{WallTime(since_1970), number_at(record.data() + 8)};
}

/// Returns the first entry that is not before the wanted one, or not written.
template <class Before>
std::uint64_t LogIndex::bisect(Before before) const {
  std::uint64_t low = 0, high = room();
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

std::uint64_t LogIndex::count() const {
  return bisect([](const IndexEntry&) { return true; });
}

std::uint64_t LogIndex::first_since(WallTime time) const {
  return bisect([time](const IndexEntry& entry) { return entry.time < time; });
}

std::uint64_t LogIndex::first_beyond(std::uint64_t offset) const {
  return bisect([offset](const IndexEntry& entry) { return entry.offset <= offset; });
}

std::optional<std::uint64_t> LogIndex::inode_in(int fd) {
  IndexRecord header;
  if (!LogIndex(fd, 0).read(0, header) || std::string_view(header.data(), kMagic.size()) != kMagic) return {};
  return number_at(header.data() + kMagic.size());
}

std::uint64_t LogIndex::good_bytes() const {
  IndexRecord header;
  if (!read(0, header) || header != index_header(inode_)) return 0;
  return (count() + 1) * kIndexRecord;
}

std::optional<IndexEntry> LogIndex::last() const {
  std::uint64_t entries = count();
  return entries == 0 ? std::nullopt : entry(entries - 1);
}

}  // namespace keeper
