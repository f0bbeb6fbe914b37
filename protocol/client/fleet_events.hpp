// Reports what happens to the apps of a home, live: to the apps that are kept now, to later ones, and when a
// keeper leaves and comes back. The home need not exist yet.
//
// Uses one connection with an `events` stream for each keeper, and inotify(7) on the directory of the sockets
// (or on the nearest existing directory above it). There is no polling, with three short exceptions: a socket
// that is bound and does not listen yet; the lock of a keeper that has ended, which is held a moment longer
// (a lock has no event); a keeper that had no room for this client, each second.
//
// A program calls wait() in a loop, and reads its result and apps().
#pragma once
#include <poll.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "protocol/client/client.hpp"

namespace keeper {

struct FleetEvent {
  AppId id;
  /// The event as the keeper sent it. This class makes two itself: "unreachable" (the keeper does not serve
  /// this client; `text` has the reason) and "gone", once for each keeper that could not send "left": it was
  /// killed, or lived too briefly. "Gone" carries the Status of the record and, of a run that has ended, exit
  /// and cause.
  AppEvent event;
  std::string json;  ///< the event as received
};

/// One app (one instance of it) as it is now.
struct AppView {
  State state = State::stopped;
  bool ready = false;
  bool kept = false;   ///< a keeper holds its lock
  bool known = false;  ///< its keeper or its record has given the rest
  std::string reason;  ///< why it is exited, fatal or unreachable
};

class FleetEvents {
 public:
  /// Follows the apps that `wanted` accepts. Without an inotify instance it reads the directory every 250 ms.
  /// Errors: refused (the home).
  static Result<FleetEvents> open(std::string home, std::function<bool(const AppId&)> wanted);

  /// Waits for an event, for one of `others`, or until the deadline. Returns the events in order; `others`
  /// have their revents. Errors: refused (a home that was created later).
  Result<std::vector<FleetEvent>> wait(const Deadline& deadline, std::vector<pollfd>& others);

  /// Apps without a keeper are known from their records.
  const std::map<AppId, AppView>& apps() const { return apps_; }
  /// Nothing while the home does not exist.
  const std::optional<Home>& home() const { return home_; }

 private:
  struct Connection {
    Fd socket;
    LineBuffer lines{kMostReply};
    Fd keeper;  ///< its process (pidfd_open(2)), to notice its end; none in another pid namespace
    bool left = false;
    bool refused = false;
    std::uint64_t run = 0;  ///< the run of its last event
  };
  /// An app to be looked at again.
  struct Again {
    Millis at{0};
    Millis until{0};
  };

  FleetEvents(std::string path, std::function<bool(const AppId&)> wanted)
      : path_(std::move(path)), wanted_(std::move(wanted)) {}

  // The directories
  Done look_for_home();
  bool watch_deepest();
  Done take_changes();
  Done take_all_sockets();

  // One keeper
  enum class Seen { at_first, anew };
  void come(const AppId& id, Seen seen);
  void connect(const AppId& id);
  void take(const AppId& id, Connection& connection);
  void take_line(const AppId& id, Connection& connection, std::string_view line);
  void refused(const AppId& id, const Error& error);
  void settle(const AppId& id);
  std::optional<Status> take_record(const AppId& id);
  void tell_gone(const AppId& id, AppEvent event);
  static std::string run_text(const Status& s);
  void look_again();

  void add_polls(std::vector<pollfd>& polls, std::vector<AppId>& ids) const;
  int wait_time(const Deadline& deadline) const;

  std::string path_;
  std::function<bool(const AppId&)> wanted_;
  std::optional<Home> home_;
  Fd inotify_;
  int watch_ = -1;
  std::string watched_;  ///< the directory
  std::map<AppId, Connection> connections_;
  std::map<AppId, Again> again_;
  std::set<AppId> announced_;            ///< a socket was made, and no keeper has answered there yet
  std::map<AppId, std::string> parted_;  ///< the run that was current when its last keeper was reported gone
  bool begun_ = false;                   ///< apps that are found from now on are new
  std::map<AppId, AppView> apps_;
  std::vector<FleetEvent> happened_;
};

}  // namespace keeper
