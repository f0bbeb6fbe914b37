#include "keeper/watch/file_watch.hpp"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <climits>

#include "protocol/base/file_place.hpp"
#include "protocol/base/lifetime.hpp"
#include "protocol/base/scope_exit.hpp"

namespace keeper {
namespace {

using std::string;

constexpr int kMostLinks = 40;
constexpr std::chrono::seconds kBetweenLooks{2};
constexpr std::uint32_t kOfDirectory = IN_CREATE | IN_MOVED_TO | IN_MODIFY | IN_CLOSE_WRITE | IN_DELETE |
                                       IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

/// Returns the target of a symbolic link; empty if it is not one.
string target_of(const string& path) {
  char text[PATH_MAX];
  ssize_t size = readlink(path.c_str(), text, sizeof text);
  return size > 0 ? string(text, static_cast<std::size_t>(size)) : string();
}

string parent(const string& directory) {
  auto slash = directory.rfind('/');
  return slash == string::npos ? string() : directory.substr(0, slash);
}

}  // namespace

std::set<std::pair<string, string>> places_of(const string& path) {
  std::set<std::pair<string, string>> out;
  string done;  // without links, without a slash at its end: "" is the root
  string rest = path;
  int links = 0;
  while (true) {
    auto from = rest.find_first_not_of('/');
    if (from == string::npos) return out;
    auto to = rest.find('/', from);
    string name = rest.substr(from, to == string::npos ? to : to - from);
    rest = to == string::npos ? "" : rest.substr(to);
    if (name == "." || name == "..") {
      if (name == "..") done = parent(done);
      continue;
    }
    string target = target_of(done + "/" + name);
    out.emplace(done.empty() ? "/" : done, name);
    if (target.empty()) {
      done += "/" + name;
      continue;
    }
    if (++links > kMostLinks) return out;
    if (target.front() == '/') done.clear();
    rest = target + rest;
  }
}

Result<std::unique_ptr<FileWatch>> FileWatch::make(asio::io_context& io, string path, By by,
                                                   std::function<void()> on_change, const ActingUser* user) {
  std::unique_ptr<FileWatch> out(new FileWatch(io, std::move(path), std::move(on_change), user));
  const ActingAs as_user(out->rights());
  if (as_user.error() != 0) return system_error("watch " + out->path_, "as " + user->name);
  if (by == By::events) {
    const int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd >= 0) out->fd_.assign(fd);
    if (fd >= 0)
      if (auto watched = out->watch_all(); !watched) return watched.error();
  }
  out->last_ = mark_at(out->path_);
  if (out->fd_.is_open())
    out->wait();
  else
    out->look_later();
  return out;
}

FileWatch::FileWatch(asio::io_context& io, string path, std::function<void()> on_change,
                     const ActingUser* user)
    : fd_(io), next_look_(io), path_(std::move(path)), on_change_(std::move(on_change)), user_(user) {}

/// Returns the rights that count on the way now; null: this process's own.
const ActingUser* FileWatch::rights() const {
  return user_ != nullptr && user_->acts ? rights_at(path_, *user_) : nullptr;
}

void FileWatch::look_later() {
  next_look_.expires_after(kBetweenLooks);
  next_look_.async_wait([this](std::error_code error) {
    if (error) return;
    Finally again([this] { look_later(); });
    look();
  });
}

/// Returns true if the way has changed. Resolves it anew each time: a link on it may lead elsewhere by now.
Result<bool> FileWatch::watch_all() {
  std::map<int, std::set<string>> now;
  for (const auto& [directory, name] : places_of(path_)) {
    int watch = inotify_add_watch(fd_.native_handle(), directory.c_str(), kOfDirectory);
    if (watch >= 0) now[watch].insert(name);
  }
  if (now.empty()) return system_error("watch " + path_);
  for (const auto& old : watches_)
    if (!now.contains(old.first)) inotify_rm_watch(fd_.native_handle(), old.first);
  bool same = now == watches_;
  watches_ = std::move(now);
  return !same;
}

void FileWatch::wait() {
  fd_.async_wait(asio::posix::descriptor_base::wait_read, [this](std::error_code error) {
    if (cancelled(error)) return;
    Finally again([this] { wait(); });
    bool concerned = false;
    while (take_events(concerned)) {
    }
    if (concerned) look();
  });
}

bool FileWatch::take_events(bool& concerned) {
  alignas(inotify_event) char buffer[4096];
  ssize_t got = read(fd_.native_handle(), buffer, sizeof buffer);
  for (ssize_t at = 0; at < got;) {
    const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
    concerned = concerned || concerns(event);
    at += static_cast<ssize_t>(sizeof *event + event->len);
  }
  return got > 0;
}

/// An event without a name is about a directory itself; an overflow may be about anything.
bool FileWatch::concerns(const void* what) const {
  const auto* event = static_cast<const inotify_event*>(what);
  if (event->len == 0) return (event->mask & IN_IGNORED) == 0;
  auto names = watches_.find(event->wd);
  return names != watches_.end() && names->second.contains(event->name);
}

/// Sets watches first and looks then, so that a change in between is noticed by one of them. If the way is a
/// new one, a directory may have appeared before it was watched: then walks once more.
bool FileWatch::look_has_changed() {
  const ActingAs as_user(rights());
  if (as_user.error() != 0) return false;
  if (fd_.is_open()) {
    auto other_way = watch_all();  // if that fails, the old watches stay
    if (other_way && *other_way) static_cast<void>(watch_all());
  }
  const FileMark now = mark_at(path_);
  if (now == last_ || now == FileMark{}) return false;
  last_ = now;
  return true;
}

void FileWatch::look() {
  if (look_has_changed()) on_change_();
}

}  // namespace keeper
