#include "protocol/logs/follower.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "protocol/logs/files.hpp"

namespace keeper {
namespace {

using std::string;

string parent_of(const string& path) {
  auto slash = path.rfind('/');
  if (slash == string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::int64_t clock_of_files() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

Result<LogFollower> LogFollower::open(string path, std::uint64_t lines) {
  LogSpot spot = now();
  Result<OpenLog> log = open_newest(path);
  while (log && *log) {
    Result<std::uint64_t> size = log->content.size();
    if (!size) return size.error();
    Result<LastLines> start = find_last_lines(log->content, *size, lines, kNoLimit);
    if (!start) return start.error();
    spot = {log->facts, start->offset};
    lines -= start->lines;
    if (lines == 0) break;
    log = open_older(path, spot.file);
  }
  if (!log) return log.error();
  return open_at(std::move(path), spot, Watch::yes);
}

Result<LogFollower> LogFollower::open_at(string path, const LogSpot& spot, Watch watch) {
  LogFollower follower;
  follower.path_ = std::move(path);
  if (watch == Watch::yes) follower.inotify_ = Fd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  follower.facts_ = spot.file;
  Result<OpenLog> log = spot.file.inode == 0 ? OpenLog{} : open_again(follower.path_, spot.file);
  if (!log) return log.error();
  if (*log) {
    follower.go_on_with(std::move(*log));
    follower.offset_ = spot.offset;
  }
  follower.set_watches();
  return follower;
}

LogSpot LogFollower::now() {
  LogSpot spot;
  spot.file.born = clock_of_files() - 1;
  return spot;
}

Result<string> LogFollower::take(std::size_t most) {
  if (!look_at_open_file(file_.fd(), facts_)) return system_error("read the log " + path_);
  std::uint64_t size = file_.packed() ? kNoLimit : facts_.size;
  if (size < offset_) offset_ = 0;  // truncated
  if (end_ && end_->file.same_file(facts_)) size = std::clamp(end_->offset, offset_, size);
  std::uint64_t end = offset_ + std::min<std::uint64_t>(std::max<std::size_t>(most, 1), size - offset_);
  Result<string> text = file_.read_range(offset_, end);
  if (text) offset_ += text->size();
  if (text && !text->empty()) last_ = text->back();
  return text;
}

Result<string> LogFollower::read(std::size_t most) {
  const ActingAs as_user(user_);
  if (as_user.error() != 0) return system_error("read the log " + path_);
  for (;;) {
    Result<string> text = file_ ? take(most) : string();
    if (text && text->empty() && at_end()) look_for_damage();
    if (!text || !text->empty() || at_end()) return text;
    Result<OpenLog> next = open_newer(path_, facts_);
    if (!next) return next.error();
    // The writer may still append to the old file, until the new one has content.
    bool waits = *next && next->number == 0 && next->facts.size == 0 && file_;
    if (!*next || waits) {
      bool more = watch_directory();
      more = (file_ && watch_file(file_watch_, file_, facts_)) || more;
      more = (waits && watch_file(next_watch_, next->content, next->facts)) || more;
      if (more) continue;  // what was written just before the watch has no event
      return text;
    }
    if (file_) text = take(most);  // what was written between the end and the new file
    if (!text || !text->empty()) return text;
    // A line that damage cuts off must not continue with the next file's first line.
    if (look_for_damage() && offset_ > 0 && last_ != '\n') return string(1, last_ = '\n');
    go_on_with(std::move(*next));
  }
}

/// If following ends at a place, that may be the very place at which damage shows.
bool LogFollower::look_for_damage() {
  if (!file_.packed() || name_.empty()) return false;
  char next = 0;
  if (at_end() && !file_.read_at(&next, 1, offset_)) return false;
  GzDamage kind = file_.damage();
  auto bytes = kind == GzDamage::none ? Result<std::uint64_t>(0) : file_.size();
  // Once for each file.
  bool found = kind != GzDamage::none && bytes;
  if (found) damages_.push_back({std::exchange(name_, {}), kind, *bytes});
  return found;
}

void LogFollower::look_at(const LogSpot& place) {
  stop_at(place);
  look_for_damage();
  go_on();
}

void LogFollower::go_on_with(OpenLog log) {
  const FileFacts& facts = log.facts;
  file_ = std::move(log.content);
  name_ = std::move(log.name);
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

/// Returns true if a new watch was set.
bool LogFollower::watch_file(FileWatch& watch, const LogContent& file, const FileFacts& facts) {
  if (!inotify_ || (watch.number >= 0 && watch.file.same_file(facts))) return false;
  unwatch(watch.number);
  // /proc leads to this very file, whatever its name is by now.
  string through = "/proc/self/fd/" + std::to_string(file.fd());
  watch = {inotify_add_watch(inotify_.get(), through.c_str(), IN_MODIFY | IN_ATTRIB), facts};
  if (watch.number < 0) inotify_.reset();  // no more watches for this user: poll every 250 ms
  return watch.number >= 0;
}

bool LogFollower::watch_directory() {
  constexpr std::uint32_t events =
      IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_MOVE_SELF | IN_ONLYDIR;
  bool changed = false;
  // A parent is watched because a directory was missing. That may have been made before the watch was set:
  // look again until nothing is new.
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
      unwatch(directory_watch_);  // the directory has been moved or removed
      directory_is_there_ = false;
    }
  }
}

}  // namespace keeper
