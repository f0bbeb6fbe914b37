// What happens to the apps of a home, live: those that are kept now, those that come later, and a keeper that
// goes and comes back. The home need not exist yet.
//
// One connection with an `events` stream for each keeper, and inotify(7) on the directory of the sockets (or
// on the nearest directory above it that exists). Nothing is looked at again by time, with three exceptions,
// all of them short: a socket that is bound and does not listen yet; a keeper that is gone and whose lock is
// held for a moment longer (a lock has no event); a keeper that had no room for us, each second.
//
// A program calls wait() in a loop, looks at what it gives back and at apps().
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
  /// As the keeper said it. Two are said by this class: "unreachable" (it does not serve us; `text` says
  /// why), and "gone", once for each keeper that could say no "left" to us: it was killed, or lived too short
  /// a time to be asked. With "gone" comes what the record says: the Status, and of a run that has ended exit
  /// and cause.
  AppEvent event;
  std::string json;  ///< the event as it came
};

/// One app (one instance of it) as it is now.
struct AppView {
  State state = State::stopped;
  bool ready = false;
  bool kept = false;   ///< a keeper holds its lock
  bool known = false;  ///< its keeper, or its record, has said the rest
  std::string reason;  ///< why it is exited, fatal or unreachable
};

class FleetEvents {
 public:
  /// Follows the apps that `wanted` accepts. Without an inotify instance the directory is looked at every 250
  /// ms. Errors: refused (the home).
  static Result<FleetEvents> open(std::string home, std::function<bool(const AppId&)> wanted);

  /// Waits until something has happened, one of `others` is ready, or the deadline has passed. What has
  /// happened, in order; `others` have their revents. Errors: refused (a home that came later).
  Result<std::vector<FleetEvent>> wait(const Deadline& deadline, std::vector<pollfd>& others);

  /// Apps without a keeper are known from their records.
  const std::map<AppId, AppView>& apps() const { return apps_; }
  /// Nothing while there is none.
  const std::optional<Home>& home() const { return home_; }

 private:
  struct Connection {
    Fd socket;
    LineBuffer lines{kMostReply};
    Fd keeper;  ///< its process (pidfd_open(2)), to see when it has gone; none in another pid namespace
    bool left = false;
    bool refused = false;
    std::uint64_t run = 0;  ///< of which it spoke last
  };
  /// Something to be looked at again.
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
  std::set<AppId> announced_;            ///< a socket of theirs was made, and nobody has answered there yet
  std::map<AppId, std::string> parted_;  ///< which run was spoken of when its last keeper was said to be gone
  bool begun_ = false;                   ///< what is found from now on has come since
  std::map<AppId, AppView> apps_;
  std::vector<FleetEvent> happened_;
};

}  // namespace keeper
