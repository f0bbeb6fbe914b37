#include "protocol/logs/content.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "protocol/logs/index.hpp"

namespace keeper {
namespace {

constexpr std::string_view kPacked = ".gz";

std::int64_t nanoseconds(const statx_timestamp& time) {
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

bool look(int at, const char* name, int flags, FileFacts& facts, unsigned* mode) {
  struct statx found {};
  constexpr unsigned wanted = STATX_TYPE | STATX_INO | STATX_SIZE | STATX_MTIME | STATX_BTIME;
  if (statx(at, name, flags, wanted, &found) != 0) return false;
  facts.device = std::uint64_t{found.stx_dev_major} << 32 | found.stx_dev_minor;
  facts.inode = found.stx_ino;
  facts.size = found.stx_size;
  facts.changed = nanoseconds(found.stx_mtime);
  facts.born = (found.stx_mask & STATX_BTIME) != 0 ? nanoseconds(found.stx_btime) : facts.changed;
  if (mode != nullptr) *mode = found.stx_mode;
  return true;
}

std::uint32_t size_before_packing(const std::string& name, std::uint64_t size) {
  Fd fd(open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  unsigned char end[4] = {};
  if (!fd || size < sizeof end || pread(fd.get(), end, sizeof end, static_cast<off_t>(size - sizeof end)) < 0)
    return 0;
  return std::uint32_t{end[3]} << 24 | std::uint32_t{end[2]} << 16 | std::uint32_t{end[1]} << 8 | end[0];
}

}  // namespace

bool FileFacts::same_file(const FileFacts& other) const {
  if (device != other.device) return false;
  if (packed == other.packed) return inode == other.inode;
  const FileFacts &gz = packed ? *this : other, &plain = packed ? other : *this;
  if (gz.origin != 0) return gz.origin == plain.inode;
  return gz.changed == plain.changed && gz.unpacked == static_cast<std::uint32_t>(plain.size);
}

bool look_at_file(const std::string& name, FileFacts& facts, unsigned* mode) {
  if (!look(AT_FDCWD, name.c_str(), 0, facts, mode)) return false;
  facts.packed = name.ends_with(kPacked);
  facts.origin = facts.inode;
  if (!facts.packed) return true;
  // Its birth is that of the packed file. The last change is closer: nothing in the file is younger.
  facts.born = facts.changed;
  Fd index = open_index(name);
  facts.origin = index ? LogIndex::inode_in(index.get()).value_or(0) : 0;
  if (facts.origin == 0) facts.unpacked = size_before_packing(name, facts.size);
  return true;
}

bool look_at_open_file(int fd, FileFacts& facts, unsigned* mode) {
  if (!look(fd, "", AT_EMPTY_PATH, facts, mode)) return false;
  if (facts.packed)
    facts.born = facts.changed;
  else
    facts.origin = facts.inode;
  return true;
}

Result<std::size_t> LogContent::read_at(char* into, std::size_t size, std::uint64_t offset) {
  if (gz_) return gz_->read_at(into, size, offset);
  for (;;) {
    ssize_t got = pread(fd_.get(), into, size, static_cast<off_t>(offset));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return system_error("read the log");
  }
}

Result<std::string> LogContent::read_range(std::uint64_t from, std::uint64_t to) {
  std::string text(to > from ? to - from : 0, '\0');
  std::size_t used = 0;
  while (used < text.size()) {
    Result<std::size_t> got = read_at(text.data() + used, text.size() - used, from + used);
    if (!got) return got.error();
    if (*got == 0) break;
    used += *got;
  }
  text.resize(used);
  return text;
}

Result<std::uint64_t> LogContent::size() {
  if (gz_) return gz_->size();
  FileFacts facts;
  if (!look_at_open_file(fd_.get(), facts)) return system_error("read the log");
  return facts.size;
}

}  // namespace keeper
