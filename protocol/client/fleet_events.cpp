#include "protocol/client/fleet_events.hpp"

#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "protocol/client/fleet.hpp"
#include "protocol/home/clock.hpp"

namespace keeper {
namespace {

using std::string;

constexpr Millis kStep{5};  // a socket that does not listen yet, a lock that is not free yet
constexpr Millis kLockStep{20};
constexpr Millis kPatience{5'000};  // with a socket that is bound, whose lock is held, and nobody listens
constexpr Millis kRefused{1'000};
constexpr Millis kAnswer{2'000};
constexpr std::uint32_t kChanges =
    IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW;

string parent_of(const string& path) {
  auto slash = path.rfind('/');
  return slash == 0 || slash == string::npos ? "/" : path.substr(0, slash);
}

/// Two descriptors for each keeper.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

AppEvent event_of(const AppId& id, const char* what, const AppView& view) {
  AppEvent out;
  out.event = what;
  out.at = wall_now();
  out.name = id.name;
  if (id.instance > 0) out.instance = id.instance;
  out.state = view.state;
  if (!view.reason.empty()) out.text = view.reason;
  return out;
}

AppView view_of(const Status& status) {
  return {status.state, status.ready, true, true, status.reason.value_or("")};
}

}  // namespace

Result<FleetEvents> FleetEvents::open(string home, std::function<bool(const AppId&)> wanted) {
  raise_descriptor_limit();
  FleetEvents out(std::move(home), std::move(wanted));
  out.inotify_ = Fd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!out.inotify_) return system_error("follow what happens in " + out.path_, "inotify");
  if (Done done = out.look_for_home(); !done) return done.error();
  return out;
}

// --- the directories

/// Watches the directory of the sockets, or the nearest one above it that there is. False: the same as
/// before.
bool FleetEvents::watch_deepest() {
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
  // A directory may be made between two looks: until the deepest one stays the deepest.
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
  for (const AppId& id : home_->sockets())
    if (wanted_(id) && !connections_.contains(id)) come(id);
  for (const AppId& id : home_->apps())
    if (wanted_(id) && !connections_.contains(id) && !again_.contains(id)) take_record(id);
  return {};
}

Done FleetEvents::take_changes() {
  alignas(inotify_event) char bytes[8192];
  bool anew = false;
  for (ssize_t got; (got = read(inotify_.get(), bytes, sizeof bytes)) > 0;)
    for (char* at = bytes; at < bytes + got;) {
      auto* event = reinterpret_cast<inotify_event*>(at);
      at += sizeof *event + event->len;
      if ((event->mask & IN_IGNORED) != 0 && event->wd != watch_) continue;  // a watch that was given up
      bool made = (event->mask & (IN_CREATE | IN_MOVED_TO)) != 0;
      if (!made || !home_ || watched_ != path_ + "/sock") {
        anew = true;
        continue;
      }
      std::string_view name = event->name;
      if (!name.ends_with(".sock")) continue;
      name.remove_suffix(5);
      if (auto id = AppId::parse(name); id && wanted_(*id)) come(*id);
    }
  return anew ? look_for_home() : Done();
}

// --- one keeper

/// There is a socket of that name, a new one.
void FleetEvents::come(const AppId& id) {
  if (auto it = connections_.find(id); it != connections_.end()) {
    // An earlier keeper's: what it still said comes first.
    if (it->second.socket) take(id, it->second);
    connections_.erase(id);
  }
  again_.erase(id);
  connect(id);
}

void FleetEvents::connect(const AppId& id) {
  auto socket = home_->connect_socket(id.stem());
  if (!socket) {
    Reason reason = socket.error().reason;
    if (reason == Reason::not_found) return settle(id);
    if (reason != Reason::unreachable) return refused(id, socket.error());
    if (!home_->locked(id.stem())) return settle(id);  // a socket that a killed keeper left
    auto [it, first] = again_.try_emplace(id);
    if (first) it->second.until = steady_now() + kPatience;
    it->second.at = steady_now() + (steady_now() < it->second.until ? kStep : kRefused);
    return;
  }
  again_.erase(id);
  Connection connection;
  connection.socket = std::move(*socket);
  string line = request_line(kCallId, WatchEvents{});
  std::string_view unsent = line;  // it is short, and the socket is new: it takes it at once
  if (Done done = send_some(connection.socket.get(), unsent, "follow " + id.stem()); !done)
    return refused(id, done.error());
  apps_[id].kept = true;
  connections_.insert_or_assign(id, std::move(connection));
}

/// Everything that it has said, and its end.
void FleetEvents::take(const AppId& id, Connection& connection) {
  for (;;) {
    std::size_t before = connection.lines.pending();
    Done done = receive_some(connection.socket.get(), connection.lines, "");
    bool more = connection.lines.pending() > before;
    while (auto line = connection.lines.next()) {
      take_line(id, connection, *line);
      if (!connection.socket) return;  // it does not serve us
    }
    if (!done) break;
    if (!more) return;
  }
  connection.socket.reset();
  if (!connection.keeper) settle(id);
}

void FleetEvents::take_line(const AppId& id, Connection& connection, std::string_view line) {
  auto json = decode_event(line);
  if (!json) {
    auto reply = decode_reply(line);
    if (!reply || !reply->error) return;
    connection.socket.reset();
    return refused(id, from_rpc(*reply->error, ""));
  }
  auto event = read_as<AppEvent>(*json);
  if (!event) return;
  AppView& view = apps_[id];
  if (event->status) {
    view = view_of(*event->status);
    if (event->status->keeper_pid && !connection.keeper)
      connection.keeper = Fd(static_cast<int>(syscall(SYS_pidfd_open, *event->status->keeper_pid, 0)));
  }
  view.state = event->state;
  view.ready = event->ready;
  view.kept = view.known = true;
  connection.left = connection.left || event->event == "left";
  happened_.push_back({id, std::move(*event), std::move(*json)});
}

/// It has no room for us, or does not know events: said once, tried again.
void FleetEvents::refused(const AppId& id, const Error& error) {
  AppView& view = apps_[id];
  bool said = view.state == State::unreachable;
  view = {State::unreachable, false, true, true, error.why()};
  again_[id] = {steady_now() + kRefused, steady_now()};
  if (said) return;
  AppEvent event = event_of(id, "unreachable", view);
  string json = write_as(event);
  happened_.push_back({id, std::move(event), std::move(json)});
}

/// Its connection has ended. While the lock is held it is a keeper that is about to go, or a next one whose
/// socket we shall hear of.
void FleetEvents::settle(const AppId& id) {
  auto it = connections_.find(id);
  if (it != connections_.end()) it->second.keeper.reset();
  if (home_ && home_->locked(id.stem())) {
    again_[id] = {steady_now() + kLockStep, {}};
    return;
  }
  bool without_a_word = it != connections_.end() && !it->second.left;
  if (it != connections_.end()) connections_.erase(it);
  take_record(id);
  if (!without_a_word) return;
  AppEvent event = event_of(id, "gone", apps_[id]);
  string json = write_as(event);
  happened_.push_back({id, std::move(event), std::move(json)});
}

/// What is known of an app that has no keeper.
void FleetEvents::take_record(const AppId& id) {
  again_.erase(id);
  std::vector<Row> rows;
  if (home_) rows = look_at_fleet(*home_, kAnswer, [&](const AppId& one) { return one == id; });
  if (rows.empty()) {
    apps_.erase(id);
    return;
  }
  apps_[id] = view_of(rows.front().status);
  apps_[id].kept = rows.front().keeper_lives;
  // A next one has come meanwhile, and its socket was heard of before.
  if (rows.front().keeper_lives) again_[id] = {steady_now() + kStep, steady_now() + kPatience};
}

void FleetEvents::look_again() {
  std::vector<AppId> due;
  for (const auto& [id, again] : again_)
    if (again.at <= steady_now()) due.push_back(id);
  for (const AppId& id : due) {
    auto it = connections_.find(id);
    if (it != connections_.end() && it->second.socket) {
      again_.erase(id);
    } else if (home_) {
      connect(id);  // where there is no socket, that is settled
    } else {
      settle(id);
    }
  }
}

// --- waiting

void FleetEvents::add_polls(std::vector<pollfd>& polls, std::vector<AppId>& ids) const {
  polls.push_back({inotify_.get(), POLLIN, 0});
  for (const auto& [id, connection] : connections_) {
    int fd = connection.socket ? connection.socket.get() : connection.keeper.get();
    if (fd < 0) continue;
    polls.push_back({fd, POLLIN, 0});
    ids.push_back(id);
  }
}

int FleetEvents::wait_time(const Deadline& deadline) const {
  Millis first{-1};
  for (const auto& [id, again] : again_) {
    Millis left = std::max(again.at - steady_now(), Millis(0));
    if (first.count() < 0 || left < first) first = left;
  }
  int left = deadline.left_for_poll();
  if (first.count() < 0) return left;
  return left < 0 ? static_cast<int>(first.count()) : std::min(left, static_cast<int>(first.count()));
}

Result<std::vector<FleetEvent>> FleetEvents::wait(const Deadline& deadline, std::vector<pollfd>& others) {
  if (!happened_.empty()) return std::exchange(happened_, {});
  std::vector<pollfd> polls = others;
  std::vector<AppId> ids;
  add_polls(polls, ids);
  int ready = poll(polls.data(), polls.size(), wait_time(deadline));
  std::copy_n(polls.begin(), others.size(), others.begin());
  std::size_t first = others.size() + 1;
  for (std::size_t i = 0; ready > 0 && i < ids.size(); ++i) {
    auto it = connections_.find(ids[i]);
    if (polls[first + i].revents == 0 || it == connections_.end()) continue;
    if (it->second.socket)
      take(ids[i], it->second);
    else
      settle(ids[i]);
  }
  if (ready > 0 && polls[others.size()].revents != 0)
    if (Done done = take_changes(); !done) return done.error();
  look_again();
  return std::exchange(happened_, {});
}

}  // namespace keeper
