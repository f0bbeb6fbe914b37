// FleetEvents: the directories that it watches until one with sockets exists.
#include <sys/inotify.h>
#include <unistd.h>

#include "protocol/client/fleet_events.hpp"

namespace keeper {
namespace {

using std::string;

constexpr std::uint32_t kChanges =
    IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW;

string parent_of(const string& path) {
  auto slash = path.rfind('/');
  return slash == 0 || slash == string::npos ? "/" : path.substr(0, slash);
}

}  // namespace

/// Watches the directory of the sockets, or the nearest existing directory above it. Returns false if that is
/// the same as before.
bool FleetEvents::watch_deepest() {
  if (!inotify_) return false;
  string path = path_ + "/sock";
  int watch = -1;
  for (;; path = parent_of(path)) {
    watch = inotify_add_watch(inotify_.get(), path.c_str(), kChanges);
    if (watch >= 0 || path == "/") break;
  }
  if (watch == watch_ && path == watched_) return false;
  if (watch_ >= 0 && watch != watch_) inotify_rm_watch(inotify_.get(), watch_);
  watch_ = watch;
  watched_ = path;
  return true;
}

Done FleetEvents::look_for_home() {
  // A directory may be made between two looks: repeat until the deepest one stays the deepest.
  while (watch_deepest()) {
  }
  auto home = Home::open(path_, Home::Create::no);
  if (!home && home.error().reason == Reason::not_found) {
    home_.reset();
    return {};
  }
  if (!home) return home.error();
  home_ = std::move(*home);
  return take_all_sockets();
}

Done FleetEvents::take_all_sockets() {
  Seen seen = begun_ ? Seen::anew : Seen::at_first;
  for (const AppId& id : home_->sockets())
    if (wanted_(id) && !connections_.contains(id)) come(id, seen);
  for (const AppId& id : home_->apps()) {
    if (!wanted_(id) || connections_.contains(id) || again_.contains(id)) continue;
    if (begun_ && !apps_.contains(id)) {  // it has come and gone since
      announced_.insert(id);
      settle(id);
    } else if (auto record = take_record(id)) {
      parted_[id] = run_text(*record);
    }
  }
  return {};
}

Done FleetEvents::take_changes() {
  alignas(inotify_event) char bytes[8192];
  bool anew = false;
  for (ssize_t got; (got = read(inotify_.get(), bytes, sizeof bytes)) > 0;)
    for (char* at = bytes; at < bytes + got;) {
      auto* event = reinterpret_cast<inotify_event*>(at);
      at += sizeof *event + event->len;
      if ((event->mask & IN_IGNORED) != 0 && event->wd != watch_) continue;  // of a watch that was removed
      bool made = (event->mask & (IN_CREATE | IN_MOVED_TO)) != 0;
      if (!made || !home_ || watched_ != path_ + "/sock") {
        anew = true;
        continue;
      }
      std::string_view name = event->name;
      if (!name.ends_with(".sock")) continue;
      name.remove_suffix(5);
      if (auto id = AppId::parse(name); id && wanted_(*id)) come(*id, Seen::anew);
    }
  return anew ? look_for_home() : Done();
}

}  // namespace keeper
