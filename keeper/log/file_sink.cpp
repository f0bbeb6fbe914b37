#include "keeper/log/file_sink.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace keeper {
namespace {

/// mkdir -p of what a path is in.
void make_parents(const std::string& path) {
  for (auto slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    mkdir(path.substr(0, slash).c_str(), 0700);
}

bool ends_a_line(int fd, std::uint64_t size) {
  char last = '\n';
  return size == 0 || pread(fd, &last, 1, static_cast<off_t>(size - 1)) != 1 || last == '\n';
}

}  // namespace

FileSink::FileSink(std::string path, std::uint64_t most_bytes, int backups)
    : path_(std::move(path)), most_(most_bytes), backups_(backups) {
  struct stat st {};
  if (stat(path_.c_str(), &st) == 0) size_ = static_cast<std::uint64_t>(st.st_size);
}

bool FileSink::ready() {
  if (file_) return true;
  // A FIFO or a device is written as far as it takes it, and never waited for.
  constexpr int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  int fd = ::open(path_.c_str(), flags, 0600);
  if (fd < 0 && errno == ENOENT) {
    make_parents(path_);
    fd = ::open(path_.c_str(), flags, 0600);
  }
  if (fd < 0) return false;
  file_ = Fd(fd);
  struct stat st {};
  fstat(fd, &st);
  if (!S_ISREG(st.st_mode)) most_ = 0;  // not ours to rename
  size_ = static_cast<std::uint64_t>(st.st_size);
  at_line_start_ = !S_ISREG(st.st_mode) || ends_a_line(fd, size_);
  return true;
}

void FileSink::failed(const char* doing, std::size_t bytes) {
  trouble_ = std::string("cannot ") + doing + " " + path_ + ": " + strerror(errno);
  lost_ += bytes;
}

void FileSink::append(std::string_view bytes) {
  if (bytes.empty()) return;
  if (!ready()) return failed("open", bytes.size());
  while (!bytes.empty()) {
    ssize_t put = ::write(file_.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failed("write", bytes.size());
    auto count = static_cast<std::size_t>(put);
    size_ += count;
    at_line_start_ = bytes[count - 1] == '\n';
    bytes.remove_prefix(count);
  }
  if (lost_ == 0) return;
  std::string note = "[keeper] " + std::to_string(lost_) + " bytes lost: " + trouble_ + "\n";
  if (!at_line_start_) return;
  lost_ = 0;
  trouble_.clear();
  append(note);
}

void FileSink::write(std::string_view bytes) {
  ready();
  while (most_ > 0 && size_ + bytes.size() >= most_) {
    // The first end of a line at or after the limit; a line without end is cut 1 MiB past it.
    std::size_t from = size_ >= most_ ? 0 : static_cast<std::size_t>(most_ - size_) - 1;
    std::size_t end = size_ >= most_ && at_line_start_ ? 0 : bytes.find('\n', from);
    if (end == std::string_view::npos) {
      append(bytes);
      if (size_ > most_ + (1 << 20)) rotate();
      return;
    }
    std::size_t take = size_ >= most_ && at_line_start_ ? 0 : end + 1;
    append(bytes.substr(0, take));
    bytes.remove_prefix(take);
    if (!file_ || size_ < most_) break;  // nothing could be written: there is nothing to rotate
    rotate();
    if (size_ >= most_) break;  // nor could it be rotated: goes on in the old file
  }
  append(bytes);
}

void FileSink::write_marker(std::string_view line) {
  if (ready() && !at_line_start_) append("\n");
  write(line);
}

/// PATH.N-1 to PATH.N and so on, and `newest` to PATH.1. False and errno at the first that cannot be renamed.
bool FileSink::shift_backups(const std::string& newest) {
  for (int i = backups_; i > 1; --i) {
    std::string older = path_ + "." + std::to_string(i), newer = path_ + "." + std::to_string(i - 1);
    if (rename(newer.c_str(), older.c_str()) < 0 && errno != ENOENT) return false;
  }
  int done = backups_ > 0 ? rename(newest.c_str(), (path_ + ".1").c_str()) : unlink(newest.c_str());
  return done == 0;
}

void FileSink::rotate() {
  // The newest first, out of the way: if that cannot be renamed, nothing of the older ones is lost for it.
  std::string aside = path_ + ".rotating";
  if (rename(path_.c_str(), aside.c_str()) < 0 && errno != ENOENT) return failed("rotate", 0);
  if (!shift_backups(aside) && errno != ENOENT) {
    failed("rotate", 0);
    rename(aside.c_str(), path_.c_str());  // goes on in the old file
    return;
  }
  file_.reset();
  size_ = 0;
  at_line_start_ = true;
  if (lost_ == 0) trouble_.clear();
  ready();
}

}  // namespace keeper
