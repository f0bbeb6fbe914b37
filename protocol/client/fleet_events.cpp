#include "protocol/client/fleet_events.hpp"

#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "protocol/base/clock.hpp"
#include "protocol/client/fleet.hpp"

namespace keeper {
namespace {

using std::string;

constexpr Millis kStep{5};  // for a socket that does not listen yet, or a lock that is not free yet
constexpr Millis kLockStep{20};
constexpr Millis kPatience{5'000};  // for a bound socket whose lock is held and on which no process listens
constexpr Millis kRefused{1'000};
constexpr Millis kAnswer{2'000};
constexpr Millis kLookAgain{250};  // without an inotify instance
/// Each keeper takes two descriptors.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

AppEvent event_of(const AppId& id, const char* what) {
  AppEvent out;
  out.event = what;
  out.at = wall_now();
  out.name = id.name;
  if (id.instance > 0) out.instance = id.instance;
  return out;
}

/// Fills in the event as a keeper would have sent it at its end.
void fill_in(AppEvent& event, const Status& status) {
  event.instance = status.instance;
  event.state = status.state;
  event.run = status.run;
  event.pid = status.pid;
  event.text = status.reason;
  event.status = status;
  if (has_keeper(status.state) || !status.last_exit) return;
  event.pid = status.last_exit->pid;
  event.exit = status.last_exit->exit;
  event.cause = status.last_exit->cause;
}

/// Returns the process that listens at the other end, by its pid in this namespace (SO_PEERCRED, unix(7)).
Fd process_behind(const Fd& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) return Fd();
  return Fd(static_cast<int>(syscall(SYS_pidfd_open, peer.pid, 0)));
}

AppView view_of(const Status& status) {
  return {status.state, status.ready, true, true, status.reason.value_or("")};
}

}  // namespace

/// Returns the identity of a run and its progress; also tells runs apart whose numbers began anew.
string FleetEvents::run_text(const Status& s) {
  auto text = [](const std::optional<WallTime>& time) { return time ? time_text(*time) : string("-"); };
  return std::to_string(s.run) + " " + text(s.started_at) + " " + text(s.stopped_at);
}

Result<FleetEvents> FleetEvents::open(string home, std::function<bool(const AppId&)> wanted) {
  raise_descriptor_limit();
  FleetEvents out(std::move(home), std::move(wanted));
  out.inotify_ = Fd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (Done done = out.look_for_home(); !done) return done.error();
  out.begun_ = true;
  return out;
}

// --- one keeper

/// A new socket of that name has appeared.
void FleetEvents::come(const AppId& id, Seen seen) {
  // The socket of an earlier keeper: its remaining events come first.
  if (auto it = connections_.find(id); it != connections_.end() && it->second.socket) take(id, it->second);
  if (auto it = connections_.find(id); it != connections_.end()) {
    const Connection& earlier = it->second;
    if (!earlier.socket && !earlier.left && !earlier.refused) {
      AppEvent event = event_of(id, "gone");
      event.state = State::exited;
      event.run = earlier.run;
      tell_gone(id, std::move(event));
    }
    connections_.erase(it);
  }
  again_.erase(id);
  if (seen == Seen::anew) announced_.insert(id);
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
  std::string_view unsent = line;  // the line is short and the socket is new: one send takes all of it
  if (Done done = send_some(connection.socket.get(), unsent, "follow " + id.stem()); !done)
    return refused(id, done.error());
  connection.keeper = process_behind(connection.socket);
  apps_[id].kept = true;
  announced_.erase(id);
  connections_.insert_or_assign(id, std::move(connection));
}

/// Reads all remaining events of a connection, and its end.
void FleetEvents::take(const AppId& id, Connection& connection) {
  for (;;) {
    std::size_t before = connection.lines.pending();
    Done done = receive_some(connection.socket.get(), connection.lines, "");
    bool more = connection.lines.pending() > before;
    while (auto line = connection.lines.next()) {
      take_line(id, connection, *line);
      if (!connection.socket) return;  // the keeper does not serve this client
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
    connection.refused = true;
    return refused(id, from_rpc(*reply->error, ""));
  }
  auto event = read_as<AppEvent>(*json);
  if (!event) return;
  AppView& view = apps_[id];
  if (event->status) view = view_of(*event->status);
  view.state = event->state;
  view.ready = event->ready;
  view.kept = view.known = true;
  if (event->event == "left") {
    connection.left = true;
    if (event->status) parted_[id] = run_text(*event->status);
  }
  connection.run = event->run;
  happened_.push_back({id, std::move(*event), std::move(*json)});
}

/// The keeper has no room for this client, or does not know events: reported once, then retried.
void FleetEvents::refused(const AppId& id, const Error& error) {
  AppView& view = apps_[id];
  bool said = view.state == State::unreachable;
  view = {State::unreachable, false, true, true, error.why()};
  again_[id] = {steady_now() + kRefused, steady_now()};
  announced_.insert(id);
  if (said) return;
  AppEvent event = event_of(id, "unreachable");
  event.state = view.state;
  event.text = view.reason;
  string json = write_as(event);
  happened_.push_back({id, std::move(event), std::move(json)});
}

/// Handles the end of a connection. While the lock is held, the keeper is about to leave, or a successor will
/// bind a socket that inotify reports.
void FleetEvents::settle(const AppId& id) {
  auto it = connections_.find(id);
  if (it != connections_.end()) it->second.keeper.reset();
  if (home_ && home_->locked(id.stem())) {
    again_[id] = {steady_now() + kLockStep, {}};
    return;
  }
  bool announced = announced_.erase(id) > 0;
  bool without_a_word = it != connections_.end() && !it->second.left;
  if (it != connections_.end()) connections_.erase(it);
  auto record = take_record(id);
  AppEvent event = event_of(id, "gone");
  event.state = State::exited;
  if (record) fill_in(event, *record);
  // Without a record it was not an app yet; a record that was reported already belongs to a known keeper.
  bool unknown = announced && record && parted_[id] != run_text(*record);
  if (record) parted_[id] = run_text(*record);
  if (without_a_word || unknown) tell_gone(id, std::move(event));
}

void FleetEvents::tell_gone(const AppId& id, AppEvent event) {
  string json = write_as(event);
  happened_.push_back({id, std::move(event), std::move(json)});
}

/// Returns what is known of an app without a keeper; nothing if a successor has come.
std::optional<Status> FleetEvents::take_record(const AppId& id) {
  again_.erase(id);
  std::vector<Row> rows;
  if (home_) rows = look_at_fleet(*home_, kAnswer, [&](const AppId& one) { return one == id; });
  if (rows.empty()) {
    apps_.erase(id);
    return std::nullopt;
  }
  Row& row = rows.front();
  apps_[id] = view_of(row.status);
  apps_[id].kept = row.keeper_lives;
  if (!row.keeper_lives) return std::move(row.status);
  // Its socket was reported before.
  again_[id] = {steady_now() + kStep, steady_now() + kPatience};
  return std::nullopt;
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
      connect(id);  // settles the app if there is no socket
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
  if (!inotify_) first = first.count() < 0 ? kLookAgain : std::min(first, kLookAgain);
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
  const bool changed = inotify_ ? ready > 0 && polls[others.size()].revents != 0 : ready == 0;
  if (changed)
    if (Done done = inotify_ ? take_changes() : look_for_home(); !done) return done.error();
  look_again();
  return std::exchange(happened_, {});
}

}  // namespace keeper
