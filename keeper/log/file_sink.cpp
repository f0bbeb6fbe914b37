#include "keeper/log/file_sink.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "keeper/log/piece.hpp"
#include "protocol/base/clock.hpp"

namespace keeper {
namespace {

constexpr std::uint64_t kPastSize = 1 << 20;  // the size over which a line without an end is cut
constexpr std::int64_t kLookEvery = 5000;     // ms, between looks at the path if the file reports nothing
constexpr std::int64_t kLineEnd = 1000;       // ms, for the end of a line in a file that was left
constexpr std::int64_t kRotateAgain = 600;    // ms, after a failed rotation: it recovers within a second
// After a rotation with so many steps, or a part of one, the file grows on for a while. The program's output
// has priority, and a chain of a thousand backups costs as much as a megabyte of it.
constexpr std::size_t kManySteps = 64;
constexpr std::int64_t kRest = 10;       // times the duration of the part,
constexpr std::int64_t kLeastRest = 20;  // ms

std::int64_t now_ms() {
  return steady_now().count();
}

/// Returns whether the file has changed since the last write other than by writing: it may have been renamed
/// or removed. A walk along its path for each line would cost more than the line.
bool was_touched(const struct stat& st) {
  return st.st_nlink == 0 || st.st_ctim.tv_sec != st.st_mtim.tv_sec ||
         st.st_ctim.tv_nsec != st.st_mtim.tv_nsec;
}

/// Returns false and errno if nothing can be seen there.
bool look_at(const FilePlace& log, struct stat& into) {
  const ActingAs as_user(log.as);
  const int flags = log.follow ? 0 : AT_SYMLINK_NOFOLLOW;
  return as_user.error() == 0 && fstatat(log.directory(), log.name.c_str(), &into, flags) == 0;
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

FileSink::FileSink(std::string path, LogRules rules, const ActingUser* user)
    : given_(std::move(path)), path_(given_), user_(user), rules_(rules), kept_(rules.keep, rules.block) {
  auto log = place();
  if (!log) return;
  path_ = log->path;
  struct stat st {};
  if (look_at(*log, st)) size_ = static_cast<std::uint64_t>(st.st_size);
}

// --- the file

bool FileSink::ready() {
  if (next_ && next_is_due()) take_file(std::move(next_));
  if (file_ && (next_ || now_ms() - looked_at_ < kLookEvery)) return true;
  if (file_ && look_at_path() != AtPath::other) {
    looked_at_ = now_ms();
    path_trouble_.clear();
    return true;
  }
  return open_path() || file_;
}

void FileSink::go_along() {
  if (!where_) return;
  std::string now = where_();
  if (now == given_) return;
  given_ = std::move(now);
  const auto log = find_place(given_, user_);
  if (log) path_ = log->path;
  if (file_ && regular_) index_.begin(given_, inode_, user_);
}

/// Returns the current place of the log.
Result<FilePlace> FileSink::place(Parents parents) {
  go_along();
  return find_place(given_, user_, LastLink::followed, parents);
}

/// Returns whether the open file is the one at the path.
FileSink::AtPath FileSink::look_at_path() {
  struct stat there {};
  const auto log = place();
  if (!log || !look_at(*log, there)) {
    const int error = log ? errno : log.error().errnum;
    const bool refused = !log && log.error().reason == Reason::refused;
    return error == ENOENT || error == ENOTDIR || refused ? AtPath::other : AtPath::unknown;
  }
  return there.st_ino == inode_ && there.st_dev == device_ ? AtPath::ours : AtPath::other;
}

/// A reader can still open it.
bool FileSink::has_name() const {
  struct stat st {};
  return file_ && fstat(file_.get(), &st) == 0 && st.st_nlink > 0;
}

/// Takes the file at the path, once the line that was begun in the old one has ended. If that fails, the old
/// one stays in use as long as it has a name.
Done FileSink::open_path() {
  looked_at_ = now_ms();
  auto opened = open_log(Parents::as_they_are);
  if (!opened && opened.error().errnum == ENOENT) opened = open_log(Parents::made);
  if (!opened) return cannot_open(opened.error());
  Fd file = std::move(*opened);
  bool in_line = has_name() && look_at_path() == AtPath::other && !at_line_start();
  if (!in_line) {
    take_file(std::move(file));
    return {};
  }
  next_ = std::move(file);
  next_by_ = now_ms() + kLineEnd;
  next_at_ = size_ + kPastSize;
  path_trouble_.clear();
  return {};
}

/// Makes the file if it is missing, with its directories. Writes into a FIFO or a device as far as it takes
/// the bytes, and never waits.
Result<Fd> FileSink::open_log(Parents parents) {
  auto log = place(parents);
  if (!log) return log.error();
  path_ = log->path;
  constexpr int kFlags = O_RDWR | O_NOCTTY | O_NONBLOCK;
  auto file = open_file(*log, kFlags);
  if (file || file.error().errnum != ENOENT) return file;
  file = open_file(*log, kFlags | O_CREAT | O_EXCL);
  if (!file) return file.error().errnum == EEXIST ? open_file(*log, kFlags) : std::move(file);
  if (file_) former_ = attributes_of(file_.get());
  if (!former_) former_ = attributes_beside(*log, log->base() + ".1");  // of a keeper that was killed here
  if (former_) give_attributes(*log, file->get(), *former_);
  return file;
}

void FileSink::leave_file() {
  if (file_) former_ = attributes_of(file_.get());
  file_.reset();
}

Done FileSink::cannot_open(const Error& error) {
  const std::string why = "cannot open " + trouble_at(path_, error);
  const bool serves_on = has_name();
  if (!serves_on) file_.reset();
  if (!serves_on) trouble_ = why;
  path_trouble_ = serves_on && look_at_path() == AtPath::other ? why : "";
  return Error{Reason::failed, "", why, 0};
}

bool FileSink::next_is_due() {
  return at_line_start() || now_ms() >= next_by_ || size_ >= next_at_;
}

void FileSink::take_file(Fd file) {
  file_ = std::move(file);
  next_.reset();
  path_trouble_.clear();
  looked_at_ = now_ms();
  struct stat st {};
  fstat(file_.get(), &st);
  full_ = false;
  inode_ = st.st_ino;
  device_ = st.st_dev;
  regular_ = S_ISREG(st.st_mode);
  spliceable_ = regular_;
  if (inode_ != again_inode_) again_.reset();
  at_size(static_cast<std::uint64_t>(st.st_size));
  rested_at_ = size_;
  at_line_start_.reset();
  told_ = on_file_ && on_file_(file_.get());
  if (regular_)
    index_.begin(given_, st.st_ino, user_);
  else
    index_.end();
}

/// Another process may have truncated it, or written into it.
bool FileSink::look_at_size() {
  if (!ready()) return false;
  struct stat st {};
  if (told_ && regular_ && !next_) {
    const off_t end = lseek(file_.get(), 0, SEEK_END);
    if (end >= 0) return at_size(static_cast<std::uint64_t>(end));
  }
  if (!regular_ || fstat(file_.get(), &st) < 0) return true;
  if (!next_ && was_touched(st)) {
    looked_at_ = 0;
    if (!ready() || !regular_ || fstat(file_.get(), &st) < 0) return static_cast<bool>(file_);
  }
  return at_size(static_cast<std::uint64_t>(st.st_size));
}

bool FileSink::at_size(std::uint64_t size) {
  if (again_ && size < *again_) again_.reset();
  if (again_) size = *again_;
  if (size != size_) at_line_start_.reset();
  size_ = size;
  if (next_rotation_ > 0 && now_ms() < next_rotation_) rested_at_ = size_;
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

/// Makes the text from errno.
std::string FileSink::trouble_with(const char* doing) const {
  return std::string("cannot ") + doing + " " + path_ + ": " + strerror(errno);
}

const std::string& FileSink::trouble() const {
  return !trouble_.empty() ? trouble_ : !path_trouble_.empty() ? path_trouble_ : rotation_trouble_;
}

// --- new output

std::size_t FileSink::put(std::string_view bytes) {
  std::size_t all = bytes.size();
  if (!bytes.empty()) index_.note(wall_now(), size_);
  while (!bytes.empty()) {
    ssize_t count = regular_ ? pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_))
                             : ::write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      full_ = errno == EFBIG;
      trouble_ = trouble_with("write");
      break;
    }
    trouble_.clear();
    size_ += static_cast<std::uint64_t>(count);
    at_line_start_ = bytes[static_cast<std::size_t>(count) - 1] == '\n';
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return all - bytes.size();
}

/// Returns how much goes into this file; `rotates`: another file follows. Cuts at the first end of a line at
/// or after the limit.
std::size_t FileSink::share(std::string_view bytes, bool& rotates) {
  rotates = false;
  if (next_) return std::min(bytes.find('\n'), bytes.size() - 1) + 1;
  const std::uint64_t limit = size_limit();
  if (limit == 0 || size_ + bytes.size() < limit) return bytes.size();
  if (size_ >= limit && at_line_start()) {
    rotates = true;
    return 0;
  }
  const std::uint64_t past = longest();
  std::size_t most = size_ < past ? static_cast<std::size_t>(past - size_) : 0;
  std::size_t from = size_ >= limit ? 0 : static_cast<std::size_t>(limit - size_) - 1;
  std::size_t end = bytes.find('\n', from);
  std::size_t piece = std::min(end == std::string_view::npos ? bytes.size() : end + 1, most);
  rotates = end != std::string_view::npos || piece == most;
  return piece;
}

std::size_t FileSink::share(std::string_view bytes) {
  bool rotates = false;
  const std::size_t out = share(bytes, rotates);
  return out > 0 ? out : bytes.size();
}

std::uint64_t FileSink::lines_room() const {
  if (next_) return 1;
  const std::uint64_t limit = size_limit();
  if (limit == 0) return std::numeric_limits<std::uint64_t>::max();
  return size_ < limit ? limit - size_ : 1;
}

void FileSink::begin_piece(int pipe) {
  send_kept();
  look_at_size();
  rotate_if_due();
  in_piece_ = true;
  kept_.begin_piece(pipe);
}

void FileSink::end_piece() {
  kept_.end_piece();
  in_piece_ = false;
  leave_full();
  rotate_if_due();
}

/// Without backups its content would be lost.
bool FileSink::is_full_file() const {
  return full_ && size_ > 0 && rules_.backups > 0;
}

void FileSink::leave_full() {
  if (is_full_file() && move_away()) send_kept();
}

void FileSink::rotate_if_due() {
  const std::uint64_t limit = size_limit();
  if (!file_ || next_ || again_ || limit == 0 || size_ < limit || !kept_.empty()) return;
  if (at_line_start() || size_ >= longest()) move_away();
}

void FileSink::write_again(std::uint64_t inode, std::uint64_t offset) {
  again_inode_ = inode;
  again_ = offset;
}

/// Cuts off the end of the old text if the new one is shorter.
void FileSink::wrote_again() {
  if (!std::exchange(again_, std::nullopt)) return;
  struct stat st {};
  if (fstat(file_.get(), &st) == 0 && static_cast<std::uint64_t>(st.st_size) > size_) [[maybe_unused]]
    const int cut = ftruncate(file_.get(), static_cast<off_t>(size_));
}

/// Returns the size at which it rotates. 0: never, or not now.
std::uint64_t FileSink::size_limit() const {
  if (!regular_ || (next_rotation_ > 0 && now_ms() < next_rotation_)) return 0;
  return asked_ > 0 && (rules_.most == 0 || asked_ < rules_.most) ? asked_ : rules_.most;
}

/// Returns the size at which a line without an end is cut. A file that has grown while rotations rested, also
/// under an earlier keeper, is not cut for that.
std::uint64_t FileSink::longest() const {
  return std::max(size_limit(), rested_at_) + kPastSize;
}

/// Writes as long as the file takes the remaining bytes, which `rest` returns. `put_share` writes a share of
/// them into the file, and returns how much. The file rotates when that is due, but never within a piece.
template <class Rest, class PutShare>
void FileSink::put_shares(Rest rest, PutShare put_share) {
  while (!rest().empty() && look_at_size()) {
    bool rotates = false;
    const std::string_view bytes = rest();
    const std::size_t wanted = in_piece_ ? bytes.size() : share(bytes, rotates);
    const std::size_t stored = put_share(bytes.substr(0, wanted));
    if (stored < wanted && (in_piece_ || !is_full_file() || !move_away())) break;
    if (stored == wanted && rotates) move_away();
  }
}

/// Returns how many of the bytes are stored.
std::size_t FileSink::store(std::string_view bytes) {
  const std::size_t all = bytes.size();
  put_shares([&] { return bytes; },
             [&](std::string_view share) {
               const std::size_t stored = put(share);
               wrote_again();
               bytes.remove_prefix(stored);
               return stored;
             });
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
  add(line);  // none: the line ends here in any case
}

std::size_t FileSink::splice_room() {
  if (!kept_.empty() || kept_.dropping() || !look_at_size() || !spliceable_ || next_ || again_) return 0;
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
    if (count < 0 && errno == EINVAL) spliceable_ = false;  // this file system does not support it
    if (count <= 0) break;
    trouble_.clear();
    size_ += static_cast<std::uint64_t>(count);
    done += static_cast<std::size_t>(count);
    at_line_start_.reset();
    if (static_cast<std::size_t>(count) < most) break;  // another call would only fail
  }
  total_ += done;
  return done;
}

/// After a failed rotation, which may not be needed any more.
void FileSink::rotate_again() {
  const std::uint64_t limit = size_limit();
  if (limit == 0 || size_ < limit)
    forget_rotation();
  else if (!in_piece_)
    rotate_if_due();
}

void FileSink::forget_rotation() {
  rotation_trouble_.clear();
  next_rotation_ = 0;
}

// --- output that could not be written

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
  if (bytes > 0) write_marker(line);
}

/// Writes the waiting output. Notes the place in the file of each share before it is written, so that the
/// next keeper can determine how much of it was written.
void FileSink::send_kept() {
  if (in_piece_) return;
  put_shares([&] { return kept_.rest(); },
             [&](std::string_view share) {
               kept_.begin_sending(inode_, size_);
               const std::size_t stored = put(share);
               kept_.sent(stored);
               return stored;
             });
}

/// Returns how many bytes of the waiting output an earlier keeper had written when it was killed; 0 if the
/// log is not a regular file.
std::uint64_t FileSink::sent_before_death() const {
  const auto [inode, offset] = kept_.sending();
  if (inode == 0) return 0;
  return std::min<std::uint64_t>(bytes_behind(given_, user_, inode, offset), kept_.size());
}

void FileSink::take_over(Fd memory, OverflowLoss lost) {
  kept_.take_over(std::move(memory));
  if (kept_.memory() < 0) return kept_.lose(lost);
  kept_.sent(sent_before_death());
}

void FileSink::settle_piece(int pipe, bool comes_again) {
  if (kept_.open_piece() != pipe) return;
  comes_again ? kept_.take_back_piece() : kept_.end_piece();
}

void FileSink::retry() {
  if (!kept_.empty())
    send_kept();
  else if (!trouble_.empty() && look_at_size())
    trouble_.clear();
  if (!path_trouble_.empty()) {
    looked_at_ = 0;
    ready();
  }
  if (tidies_) tidy();
  if (next_rotation_ > 0 && now_ms() >= next_rotation_) rotate_again();
  if (kept_.empty() && trouble_.empty() && !again_) say_dropped();
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

void FileSink::brought_into_order(const FilePlace& log, const Rotated& rotated) {
  if (rotated.compress && on_compress_)
    compressing_ = on_compress_(log, rotated.compress->from, rotated.compress->to);
}

/// It was moved already: the one at its path is the log.
bool FileSink::leave_moved() {
  asked_ = 0;
  rotates_ = false;
  forget_rotation();
  leave_file();
  return static_cast<bool>(open_path());
}

/// Renames the file to a backup and opens a new one. If that fails, writing continues in the old file for a
/// while.
bool FileSink::move_away() {
  if (look_at_path() == AtPath::other) return leave_moved();
  const auto log = place();
  if (log) path_ = log->path;
  const std::int64_t begun = now_ms();
  auto rotated = log ? rotator_.rotate(*log, rotation()) : Result<Rotated>(log.error());
  if (!rotated) {
    rotation_trouble_ = "cannot rotate " + trouble_at(path_, rotated.error());
    next_rotation_ = now_ms() + kRotateAgain;
    return false;
  }
  const std::int64_t rested = now_ms() + std::max(kLeastRest, (now_ms() - begun) * kRest);
  rotates_ = !rotated->moved;
  if (rotates_) {
    if (asked_ == 0) asked_ = std::max<std::uint64_t>(size_, 1);
    next_rotation_ = rested;
    return false;
  }
  asked_ = 0;
  forget_rotation();
  if (rotated->steps >= kManySteps) next_rotation_ = rested;
  tidies_ = rotated->unfinished;
  leave_file();
  index_.end();
  size_ = 0;
  ready();
  brought_into_order(*log, *rotated);
  return true;
}

/// Completes an earlier keeper's work, and packs backups. If it fails, the next rotation reports it.
void FileSink::tidy() {
  const auto log = regular_ ? place() : Result<FilePlace>(Error{});
  if (!log) return;
  auto rotated = rotator_.tidy(*log, rotation());
  if (rotated) brought_into_order(*log, *rotated);
  tidies_ = rotated && rotated->unfinished;
}

void FileSink::compressed(bool good, std::uint64_t inode) {
  compressing_ = false;
  if (const auto log = place(); good && (!log || !rotator_.place_compressed(*log, inode))) good = false;
  // A failure is retried at the next rotation, and not at once.
  if (good) tidy();
}

Done FileSink::flush() {
  for (;;)
    if (auto done = flush_part(); !done || *done) return done ? Done() : Done(done.error());
}

Result<bool> FileSink::flush_part() {
  if (Done there = look_at_all(); !there) return there.error();
  if (next_) take_file(std::move(next_));
  if (!regular_) return Error{Reason::failed, "", path_ + " is no regular file", 0};
  const auto log = place();
  const auto removed = log ? rotator_.remove_backups(*log) : Result<Rotated>(log.error());
  if (!removed) return removed.error();
  if (removed->unfinished) return false;
  if (ftruncate(file_.get(), 0) < 0) return system_error("", "empty " + path_);
  kept_.clear();
  look_at_size();
  index_.remove();
  return true;
}

Done FileSink::remove_files() {
  if (!regular_) return {};
  if (Done flushed = flush(); !flushed) return flushed;
  const auto log = place();
  if (!log || !remove_beside(*log, log->base())) return system_error("", "remove " + path_);
  const auto link = find_place(given_, user_, LastLink::kept);
  if (link && link->path != log->path) remove_beside(*link, link->base());
  leave_file();
  return {};
}

/// Looks at the path too. Errors: the file there is not the one that is written.
Done FileSink::look_at_all() {
  looked_at_ = 0;
  if (look_at_size() && path_trouble_.empty()) return {};
  return Error{Reason::failed, "", trouble(), 0};
}

Done FileSink::rotate() {
  send_kept();
  if (Done there = look_at_all(); !there) return there;
  if (!regular_) return Error{Reason::failed, "", path_ + " is no regular file", 0};
  if (size_ == 0 || next_) return {};  // it is new
  if ((!at_line_start() && !is_full_file()) || again_) asked_ = std::max<std::uint64_t>(size_, 1);
  if (asked_ > 0) return {};
  next_rotation_ = 0;
  if (move_away() || rotates_) return {};
  Error error{Reason::failed, "", trouble(), 0};
  if (rules_.most == 0 || size_ < rules_.most) forget_rotation();  // the requester is told
  return error;
}

Done FileSink::reopen() {
  if (next_) take_file(std::move(next_));
  return open_path();
}

std::string FileSink::last(std::size_t most, std::uint64_t mark) const {
  most = std::min<std::uint64_t>(most, total_ - std::min(mark, total_));
  std::string_view waits = kept_.rest();
  std::string out(waits.substr(waits.size() - std::min(waits.size(), most)));
  if (out.size() < most && file_) out = read_end(file_.get(), most - out.size()) + out;
  if (out.size() < most) {
    const auto log = find_place(given_, user_);
    Fd before = log ? open_beside(*log, log->base() + ".1", O_RDONLY | O_NONBLOCK) : Fd();
    if (before) out = read_end(before.get(), most - out.size()) + out;
  }
  return out;
}

}  // namespace keeper
