#include "protocol/home/log_files.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <limits>
#include <string_view>

// The files of a log are a chain: PATH is the youngest, PATH.1 older, PATH.2 older still. A rotation renames
// from the old end on (PATH.1 to PATH.2, then PATH to PATH.1, then a new PATH), so while it runs one name is
// missing. Whoever looks at the chain meanwhile can rely on two things: a file only moves up, and none
// overtakes another. Hence every search goes upwards, and a neighbour that was opened is checked afterwards:
// if nothing came between by then, it was the neighbour when it was opened.

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr std::size_t kBlock = 64 << 10;
constexpr int kMostMissing = 3;  // names in a row that may be missing within a chain
constexpr int kMostTries = 100;  // looks at a chain that is rotated under our eyes
constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

struct OpenLog {
  Fd fd;  ///< empty: there is none
  FileFacts facts;
  int number = 0;  ///< PATH.number; 0 is PATH
  explicit operator bool() const { return static_cast<bool>(fd); }
};

string name_of(const string& path, int number) {
  return number == 0 ? path : path + "." + std::to_string(number);
}

string parent_of(const string& path) {
  auto slash = path.rfind('/');
  if (slash == string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::int64_t nanoseconds(std::int64_t seconds, std::int64_t rest) {
  return seconds * 1'000'000'000 + rest;
}

bool look(int at, const char* name, int flags, FileFacts& facts, unsigned* mode = nullptr) {
  struct statx found {};
  constexpr unsigned wanted = STATX_TYPE | STATX_INO | STATX_SIZE | STATX_MTIME | STATX_BTIME;
  if (statx(at, name, flags, wanted, &found) != 0) return false;
  const auto& time = (found.stx_mask & STATX_BTIME) != 0 ? found.stx_btime : found.stx_mtime;
  facts.device = std::uint64_t{found.stx_dev_major} << 32 | found.stx_dev_minor;
  facts.inode = found.stx_ino;
  facts.size = found.stx_size;
  facts.born = nanoseconds(time.tv_sec, time.tv_nsec);
  if (mode != nullptr) *mode = found.stx_mode;
  return true;
}

bool look_at_open(int fd, FileFacts& facts, unsigned* mode = nullptr) {
  return look(fd, "", AT_EMPTY_PATH, facts, mode);
}

bool look_at(const string& path, int number, FileFacts& facts) {
  return look(AT_FDCWD, name_of(path, number).c_str(), 0, facts);
}

bool is_at(const string& path, int number, const FileFacts& file) {
  FileFacts there;
  return look_at(path, number, there) && there.same_file(file);
}

Result<OpenLog> open_log(const string& path, int number) {
  const string name = name_of(path, number);
  // O_NONBLOCK: a FIFO would wait for a writer.
  OpenLog log{Fd(open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)), {}, number};
  if (!log && (errno == ENOENT || errno == ENOTDIR)) return log;
  unsigned mode = 0;
  if (!log || !look_at_open(log.fd.get(), log.facts, &mode)) return system_error("read the log " + name);
  if (S_ISREG(mode)) return log;
  return Error{Reason::failed, "read the log " + name, "it is no regular file", 0};
}

/// The number of the name that `file` has now; -1 if it is not in the chain.
int position(const string& path, const FileFacts& file) {
  for (int number = 0, missing = 0; missing <= kMostMissing; ++number) {
    FileFacts there;
    bool found = look_at(path, number, there);
    if (found && there.same_file(file)) return number;
    missing = found ? 0 : missing + 1;
  }
  return -1;
}

Result<OpenLog> open_newest(const string& path) {
  for (int number = 0; number < kMostMissing; ++number)
    if (Result<OpenLog> log = open_log(path, number); !log || *log) return log;
  return OpenLog{};
}

/// The file before this one; empty if it is the oldest.
Result<OpenLog> open_older(const string& path, const FileFacts& file) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    int here = position(path, file);
    if (here < 0) break;
    bool settled = true;
    for (int number = here + 1, missing = 0; missing <= kMostMissing; ++number) {
      Result<OpenLog> older = open_log(path, number);
      if (!older) return older;
      missing = *older ? 0 : missing + 1;
      if (!*older || older->facts.same_file(file)) continue;
      here = position(path, file);
      settled = here >= 0 && here < number;
      if (settled) return older;
      break;
    }
    if (settled) break;
  }
  return OpenLog{};
}

bool nothing_between(const string& path, int low, int high) {
  FileFacts there;
  for (int number = low + 1; number < high; ++number)
    if (look_at(path, number, there)) return false;
  return true;
}

/// The file after one that has the name PATH.`here`. Without `settled` the chain moved, and it has to be
/// tried again.
Result<OpenLog> open_after(const string& path, const FileFacts& file, int here, bool& settled) {
  Result<OpenLog> next = OpenLog{};
  for (int number = here - 1; number >= 0; --number)
    if (next = open_log(path, number); !next || *next) break;
  int low = next && *next ? next->number : -1;
  settled = !next || (nothing_between(path, low, here) && is_at(path, here, file));
  return next;
}

/// The oldest backup that was made after a file that is gone; 0, PATH itself, if there is none.
int oldest_since(const string& path, std::int64_t born) {
  int oldest = 0;
  for (int number = 1, missing = 0; missing <= kMostMissing; ++number) {
    FileFacts there;
    bool found = look_at(path, number, there);
    missing = found ? 0 : missing + 1;
    if (!found) continue;
    if (there.born <= born) break;
    oldest = number;
  }
  return oldest;
}

/// What to go on with after a file that is not in the chain any more.
Result<OpenLog> open_since(const string& path, std::int64_t born, bool& settled) {
  Result<OpenLog> next = open_log(path, oldest_since(path, born));
  settled = !next || (*next ? is_at(path, oldest_since(path, born), next->facts) : next->number == 0);
  return next;
}

/// The file after this one; empty if there is none yet.
Result<OpenLog> open_newer(const string& path, const FileFacts& file) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    int here = position(path, file);
    if (here == 0) break;
    bool settled = false;
    Result<OpenLog> next =
        here > 0 ? open_after(path, file, here, settled) : open_since(path, file.born, settled);
    if (settled) return next;
  }
  return OpenLog{};
}

Result<std::size_t> read_at(int fd, char* into, std::size_t size, std::uint64_t offset) {
  for (;;) {
    ssize_t got = pread(fd, into, size, static_cast<off_t>(offset));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return system_error("read the log");
  }
}

/// Where the last lines of one file begin.
struct Start {
  std::uint64_t offset = 0;
  std::uint64_t lines = 0;
  bool cut = false;      ///< there are more, beyond the limit
  bool partial = false;  ///< of the first line only the end is within the limit
};

/// Notes the newlines of a block, from its end on; true when `count` lines are found.
bool count_back(string_view block, std::uint64_t at, std::uint64_t count, Start& start) {
  for (auto newline = block.rfind('\n'); newline != string_view::npos; newline = block.rfind('\n')) {
    start.offset = at + newline + 1;
    if (++start.lines == count) return true;
    block = block.substr(0, newline);
  }
  return false;
}

/// Goes back from `size` until `count` lines are found, or `limit` bytes are seen, or the file begins.
Result<Start> find_start(int fd, std::uint64_t size, std::uint64_t count, std::uint64_t limit) {
  Start start{size, 0, false};
  if (count == 0 || size == 0) return start;
  // Behind the last byte a line ends in any case. And a line that begins just at the limit is whole: the byte
  // before tells.
  const std::uint64_t low = size > limit ? size - limit - 1 : 0;
  string block(std::min<std::uint64_t>(kBlock, size), '\0');
  for (std::uint64_t end = size - 1; end > low;) {
    std::uint64_t begin = end - std::min<std::uint64_t>(end - low, block.size());
    Result<std::size_t> got = read_at(fd, block.data(), end - begin, begin);
    if (!got) return got.error();
    if (count_back({block.data(), *got}, begin, count, start)) return start;
    end = begin;
  }
  start.cut = size > limit;
  start.partial = start.cut && start.lines == 0;
  if (start.cut && !start.partial) return start;
  start.offset = start.partial ? size - limit : 0;
  ++start.lines;
  return start;
}

Result<string> read_range(int fd, std::uint64_t from, std::uint64_t to) {
  string text(to - from, '\0');
  std::size_t used = 0;
  while (used < text.size()) {
    Result<std::size_t> got = read_at(fd, text.data() + used, text.size() - used, from + used);
    if (!got) return got.error();
    if (*got == 0) break;
    used += *got;
  }
  text.resize(used);
  return text;
}

void add_lines(string_view text, std::vector<string>& lines) {
  while (!text.empty()) {
    auto end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::int64_t clock_of_files() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return nanoseconds(now.tv_sec, now.tv_nsec);
}

}  // namespace

Result<std::uint64_t> tail_offset(int fd, std::uint64_t count) {
  FileFacts facts;
  if (!look_at_open(fd, facts)) return system_error("read the log");
  Result<Start> start = find_start(fd, facts.size, count, kNoLimit);
  if (!start) return start.error();
  return start->offset;
}

Result<Tail> read_tail(const string& path, std::uint64_t count, std::size_t most) {
  Tail tail;
  std::vector<string> pieces;  // youngest first
  Result<OpenLog> log = open_newest(path);
  if (log && *log && log->number == 0) tail.bytes = log->facts.size;
  for (std::size_t room = most; log && *log && count > 0; log = open_older(path, log->facts)) {
    if (room == 0) tail.truncated = log->facts.size > 0;
    if (tail.truncated) break;
    Result<Start> start = find_start(log->fd.get(), log->facts.size, count, room);
    if (!start) return start.error();
    tail.truncated = start->cut;
    if (start->partial && room < most) break;  // better than nothing, but not in front of whole lines
    Result<string> text = read_range(log->fd.get(), start->offset, log->facts.size);
    if (!text) return text.error();
    room -= text->size();
    count -= start->lines;
    pieces.push_back(*std::move(text));
  }
  if (!log) return log.error();
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece)
    add_lines(*piece, tail.lines);
  return tail;
}

Result<LogFollower> LogFollower::open(string path, std::uint64_t lines) {
  LogFollower follower;
  follower.path_ = std::move(path);
  follower.inotify_ = Fd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  follower.facts_.born = clock_of_files() - 1;
  Result<OpenLog> log = open_newest(follower.path_);
  while (log && *log) {
    Result<Start> start = find_start(log->fd.get(), log->facts.size, lines, kNoLimit);
    if (!start) return start.error();
    follower.go_on_with(std::move(log->fd), log->facts);
    follower.offset_ = start->offset;
    lines -= start->lines;
    if (lines == 0) break;
    log = open_older(follower.path_, follower.facts_);
  }
  if (!log) return log.error();
  follower.set_watches();
  return follower;
}

Result<string> LogFollower::take(std::size_t most) {
  if (!look_at_open(file_.get(), facts_)) return system_error("read the log " + path_);
  if (facts_.size < offset_) offset_ = 0;  // truncated
  std::uint64_t end =
      offset_ + std::min<std::uint64_t>(std::max<std::size_t>(most, 1), facts_.size - offset_);
  Result<string> text = read_range(file_.get(), offset_, end);
  if (text) offset_ += text->size();
  return text;
}

Result<string> LogFollower::read(std::size_t most) {
  for (;;) {
    Result<string> text = file_ ? take(most) : string();
    if (!text || !text->empty()) return text;
    Result<OpenLog> next = open_newer(path_, facts_);
    if (!next) return next.error();
    // Who writes may still write to the old file, until there is something in the new one.
    bool waits = *next && next->number == 0 && next->facts.size == 0 && file_;
    if (!*next || waits) {
      bool more = watch_directory();
      more = (file_ && watch_file(file_watch_, file_, facts_)) || more;
      more = (waits && watch_file(next_watch_, next->fd, next->facts)) || more;
      if (more) continue;  // what came just before the watch has no event
      return text;
    }
    if (file_) text = take(most);  // what came between the end and the new file
    if (!text || !text->empty()) return text;
    go_on_with(std::move(next->fd), next->facts);
  }
}

void LogFollower::go_on_with(Fd file, const FileFacts& facts) {
  file_ = std::move(file);
  facts_ = facts;
  offset_ = 0;
  unwatch(file_watch_.number);
  if (next_watch_.file.same_file(facts)) {
    file_watch_ = next_watch_;
  } else {
    unwatch(next_watch_.number);
    file_watch_ = {};
  }
  next_watch_ = {};
}

void LogFollower::set_watches() {
  watch_directory();
  if (file_) watch_file(file_watch_, file_, facts_);
}

void LogFollower::unwatch(int& number) {
  if (inotify_ && number >= 0) inotify_rm_watch(inotify_.get(), number);
  number = -1;
}

/// True if a watch was set that was not there before.
bool LogFollower::watch_file(Watch& watch, const Fd& file, const FileFacts& facts) {
  if (!inotify_ || (watch.number >= 0 && watch.file.same_file(facts))) return false;
  unwatch(watch.number);
  // Through /proc it is this very file, whatever its name is by now.
  string through = "/proc/self/fd/" + std::to_string(file.get());
  watch = {inotify_add_watch(inotify_.get(), through.c_str(), IN_MODIFY | IN_ATTRIB), facts};
  if (watch.number < 0) inotify_.reset();  // no more watches for this user: look every 250 ms
  return watch.number >= 0;
}

bool LogFollower::watch_directory() {
  constexpr std::uint32_t events =
      IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_MOVE_SELF | IN_ONLYDIR;
  bool changed = false;
  // A parent was taken because a directory was missing. That may have been made before the watch was set:
  // look once more, until there is nothing new.
  while (inotify_ && !directory_is_there_) {
    string directory = parent_of(path_);
    int number = inotify_add_watch(inotify_.get(), directory.c_str(), events);
    bool there = number >= 0;
    while (number < 0 && errno != ENOSPC && directory.size() > 1) {
      directory = parent_of(directory);
      number = inotify_add_watch(inotify_.get(), directory.c_str(), events);
    }
    if (number < 0) inotify_.reset();
    if (number < 0 || number == directory_watch_) break;
    unwatch(directory_watch_);
    directory_watch_ = number;
    directory_is_there_ = there;
    changed = true;
  }
  return changed;
}

void LogFollower::drain_events() {
  alignas(inotify_event) char buffer[4096];
  while (inotify_) {
    ssize_t got = ::read(inotify_.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    inotify_event event;
    for (const char* at = buffer; at < buffer + got; at += sizeof event + event.len) {
      std::memcpy(&event, at, sizeof event);
      if (event.wd != directory_watch_ || (event.mask & (IN_IGNORED | IN_MOVE_SELF)) == 0) continue;
      unwatch(directory_watch_);  // the directory is gone from its place
      directory_is_there_ = false;
    }
  }
}

}  // namespace keeper
