#include "keeper/log/file_sink.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "protocol/home/clock.hpp"

namespace keeper {
namespace {

constexpr std::uint64_t kPastSize = 1 << 20;  // a line without end is cut there
constexpr std::int64_t kLookEvery = 1000;     // ms, at the path
constexpr std::int64_t kRotateAgain = 1000;   // ms, after a rotation that failed

/// mkdir -p of what a path is in.
void make_parents(const std::string& path) {
  for (auto slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    mkdir(path.substr(0, slash).c_str(), 0700);
}

std::int64_t now_ms() {
  return steady_now().count();
}

std::string read_end(int fd, std::size_t most) {
  struct stat st {};
  if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) return "";
  auto size = static_cast<std::size_t>(st.st_size);
  std::string out(std::min(most, size), '\0');
  ssize_t got = pread(fd, out.data(), out.size(), static_cast<off_t>(size - out.size()));
  out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return out;
}

}  // namespace

FileSink::FileSink(std::string path, LogRules rules)
    : path_(std::move(path)), rules_(rules), kept_(rules.keep, rules.block) {
  struct stat st {};
  if (stat(path_.c_str(), &st) == 0) size_ = static_cast<std::uint64_t>(st.st_size);
}

// --- the file

bool FileSink::ready() {
  if (file_ && look_at_path()) return true;
  // A FIFO or a device is written as far as it takes it, and never waited for.
  constexpr int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  int fd = ::open(path_.c_str(), flags, 0600);
  if (fd < 0 && errno == ENOENT) {
    make_parents(path_);
    fd = ::open(path_.c_str(), flags, 0600);
  }
  if (fd < 0) {
    failed("open");
    return false;
  }
  return take_file(fd);
}

bool FileSink::take_file(int fd) {
  file_ = Fd(fd);
  looked_at_ = now_ms();
  struct stat st {};
  fstat(fd, &st);
  regular_ = S_ISREG(st.st_mode);
  spliceable_ = regular_;
  size_ = static_cast<std::uint64_t>(st.st_size);
  at_line_start_.reset();
  if (regular_)
    index_.begin(path_, st.st_ino);
  else
    index_.end();
  return true;
}

/// False: the file is not the one at its path any more.
bool FileSink::look_at_path() {
  if (now_ms() - looked_at_ < kLookEvery) return true;
  looked_at_ = now_ms();
  struct stat there {
  }, ours{};
  bool same = stat(path_.c_str(), &there) == 0 && fstat(file_.get(), &ours) == 0 &&
              there.st_ino == ours.st_ino && there.st_dev == ours.st_dev;
  if (!same) file_.reset();
  return same;
}

/// Somebody may have truncated it, or written into it.
bool FileSink::look_at_size() {
  if (!ready()) return false;
  struct stat st {};
  if (!regular_ || fstat(file_.get(), &st) < 0) return true;
  auto size = static_cast<std::uint64_t>(st.st_size);
  if (size != size_) at_line_start_.reset();
  size_ = size;
  return true;
}

bool FileSink::at_line_start() {
  if (at_line_start_) return *at_line_start_;
  char last = '\n';
  if (file_ && regular_ && size_ > 0 && pread(file_.get(), &last, 1, static_cast<off_t>(size_ - 1)) != 1)
    last = '\n';
  at_line_start_ = last == '\n';
  return *at_line_start_;
}

void FileSink::failed(const char* doing) {
  trouble_ = std::string("cannot ") + doing + " " + path_ + ": " + strerror(errno);
}

// --- what goes in

std::size_t FileSink::put(std::string_view bytes) {
  std::size_t all = bytes.size();
  if (!bytes.empty()) index_.note(wall_now(), size_);
  while (!bytes.empty()) {
    ssize_t count = regular_ ? pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_))
                             : ::write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      failed("write");
      break;
    }
    trouble_.clear();
    size_ += static_cast<std::uint64_t>(count);
    at_line_start_ = bytes[static_cast<std::size_t>(count) - 1] == '\n';
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return all - bytes.size();
}

/// How much goes into this file; `rotates`: and then comes another. The first end of a line at or after the
/// limit.
std::size_t FileSink::share(std::string_view bytes, bool& rotates) {
  rotates = false;
  const std::uint64_t limit = size_limit();
  if (limit == 0 || size_ + bytes.size() < limit) return bytes.size();
  if (size_ >= limit && at_line_start()) {
    rotates = true;
    return 0;
  }
  std::uint64_t past = limit + kPastSize;
  std::size_t most = size_ < past ? static_cast<std::size_t>(past - size_) : 0;
  std::size_t from = size_ >= limit ? 0 : static_cast<std::size_t>(limit - size_) - 1;
  std::size_t end = bytes.find('\n', from);
  std::size_t piece = std::min(end == std::string_view::npos ? bytes.size() : end + 1, most);
  rotates = end != std::string_view::npos || piece == most;
  return piece;
}

/// The size to rotate at. 0: it does not rotate, or not just now.
std::uint64_t FileSink::size_limit() const {
  if (!regular_ || now_ms() < next_rotation_) return 0;
  return asked_ > 0 && (rules_.most == 0 || asked_ < rules_.most) ? asked_ : rules_.most;
}

/// How many of the bytes are stored.
std::size_t FileSink::store(std::string_view bytes) {
  std::size_t all = bytes.size();
  while (!bytes.empty() && look_at_size()) {
    bool rotates = false;
    std::size_t piece = share(bytes, rotates);
    std::size_t stored = put(bytes.substr(0, piece));
    bytes.remove_prefix(stored);
    if (stored < piece) break;
    if (rotates) move_away();
  }
  return all - bytes.size();
}

void FileSink::write(std::string_view bytes) {
  send_kept();
  if (kept_.dropping()) bytes = after_drop(bytes);
  add(bytes);
}

void FileSink::add(std::string_view bytes) {
  total_ += bytes.size();
  if (kept_.empty()) bytes.remove_prefix(store(bytes));
  kept_.keep(bytes);
}

void FileSink::write_marker(std::string_view line) {
  send_kept();
  bool unfinished = kept_.empty() ? look_at_size() && !at_line_start() : kept_.rest().back() != '\n';
  if (unfinished) add("\n");
  add(line);
}

std::size_t FileSink::splice_room() {
  if (!kept_.empty() || kept_.dropping() || !look_at_size() || !spliceable_) return 0;
  const std::uint64_t limit = size_limit();
  if (limit == 0) return std::numeric_limits<std::int32_t>::max();
  return size_ < limit ? static_cast<std::size_t>(limit - size_) : 0;
}

std::size_t FileSink::splice_from(int pipe, std::size_t most) {
  std::size_t done = 0;
  index_.note(wall_now(), size_);
  while (done < most) {
    auto offset = static_cast<off64_t>(size_);
    ssize_t count = splice(pipe, nullptr, file_.get(), &offset, most - done, SPLICE_F_NONBLOCK);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EINVAL) spliceable_ = false;  // this file system cannot
    if (count <= 0) break;
    trouble_.clear();
    size_ += static_cast<std::uint64_t>(count);
    done += static_cast<std::size_t>(count);
    at_line_start_.reset();
  }
  total_ += done;
  return done;
}

/// After one that failed; it may not be needed any more.
void FileSink::rotate_again() {
  const std::uint64_t limit = size_limit();
  if (limit == 0 || size_ < limit)
    forget_rotation();
  else if (kept_.empty() && at_line_start())
    move_away();
}

void FileSink::forget_rotation() {
  rotation_trouble_.clear();
  next_rotation_ = 0;
}

// --- what could not be written

/// Once there is room, from the next line on.
std::string_view FileSink::after_drop(std::string_view bytes) {
  bytes = kept_.go_on(bytes);
  if (!kept_.dropping()) say_dropped();
  return bytes;
}

void FileSink::say_dropped() {
  if (!on_dropped_) return;
  std::uint64_t bytes = kept_.take_unsaid();
  std::string line = bytes > 0 ? on_dropped_(bytes) : "";
  if (!line.empty()) write_marker(line);
}

void FileSink::send_kept() {
  if (!kept_.empty()) kept_.sent(store(kept_.rest()));
}

void FileSink::retry() {
  if (!kept_.empty())
    send_kept();
  else if (!trouble_.empty() && look_at_size())
    trouble_.clear();
  if (next_rotation_ > 0 && now_ms() >= next_rotation_) rotate_again();
  if (kept_.empty() && trouble_.empty()) say_dropped();
}

// --- other files

RotationRules FileSink::rotation() const {
  RotationRules out;
  out.backups = rules_.backups;
  out.max_size = rules_.most;
  if (rules_.total > 0) out.max_total = rules_.total;
  out.compress = rules_.compress && on_compress_;
  out.compressing = compressing_;
  return out;
}

void FileSink::brought_into_order(const Rotated& rotated) {
  if (rotated.compress && on_compress_)
    compressing_ = on_compress_(rotated.compress->from, rotated.compress->to);
}

/// The file gets the name of a backup, and there is a new one. Where that cannot be had it goes on in the old
/// file for a while.
bool FileSink::move_away() {
  auto rotated = rotate_files(path_, rotation());
  if (!rotated) {
    rotation_trouble_ = "cannot rotate " + path_ + ": " + rotated.error().why();
    next_rotation_ = now_ms() + kRotateAgain;
    return false;
  }
  asked_ = 0;
  forget_rotation();
  file_.reset();
  index_.end();
  size_ = 0;
  ready();
  brought_into_order(*rotated);
  return true;
}

/// What an earlier keeper left half done, and what is to be packed. Where it fails the next rotation says so.
void FileSink::tidy() {
  if (!regular_) return;
  if (auto rotated = tidy_files(path_, rotation())) brought_into_order(*rotated);
}

void FileSink::compressed(bool good, std::uint64_t inode) {
  compressing_ = false;
  if (good && !place_compressed(path_, inode)) good = false;
  // One that failed is tried again at the next rotation, and not at once.
  if (good) tidy();
}

Done FileSink::flush() {
  kept_.clear();
  if (!look_at_size()) return Error{Reason::failed, "", trouble_, 0};
  if (!regular_) return Error{Reason::failed, "", path_ + " is no regular file", 0};
  if (ftruncate(file_.get(), 0) < 0) return system_error("", "empty " + path_);
  look_at_size();
  index_.remove();
  return remove_backups(path_);
}

Done FileSink::rotate() {
  send_kept();
  if (!look_at_size()) return Error{Reason::failed, "", trouble_, 0};
  if (!regular_) return Error{Reason::failed, "", path_ + " is no regular file", 0};
  if (size_ == 0) return {};
  if (!at_line_start()) asked_ = size_;
  if (asked_ > 0) return {};
  next_rotation_ = 0;
  if (move_away()) return {};
  Error error{Reason::failed, "", rotation_trouble_, 0};
  if (rules_.most == 0 || size_ < rules_.most) forget_rotation();  // who asked knows
  return error;
}

Done FileSink::reopen() {
  file_.reset();
  if (!ready()) return Error{Reason::failed, "", trouble_, 0};
  return {};
}

std::string FileSink::last(std::size_t most, std::uint64_t mark) const {
  most = std::min<std::uint64_t>(most, total_ - std::min(mark, total_));
  std::string_view waits = kept_.rest();
  std::string out(waits.substr(waits.size() - std::min(waits.size(), most)));
  if (out.size() < most && file_) out = read_end(file_.get(), most - out.size()) + out;
  if (out.size() < most) {
    Fd before(::open((path_ + ".1").c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (before) out = read_end(before.get(), most - out.size()) + out;
  }
  return out;
}

}  // namespace keeper
