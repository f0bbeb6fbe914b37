// AppFiles: holds the app's name: the lock, the sockets' files and the home. Makes again what somebody has
// removed, in the order in which a start makes it, and follows a home that was moved.
#pragma once
#include <asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>

#include "keeper/app/app.hpp"
#include "keeper/app/part.hpp"
#include "keeper/watch/removal_watch.hpp"

namespace keeper {

class Configuration;
class ControlPlane;
class FdStore;
class LifecycleLog;
class ListenSockets;
class RecordWriter;
class Spawner;
class StateJournal;
class Terminal;

/// Which file something is.
struct FileId {
  std::uint64_t device = 0, inode = 0;
  bool operator==(const FileId&) const = default;
};

class AppFiles : public Part {
 public:
  /// The other parts that it speaks with; all of them outlive it.
  struct With {
    FdStore& store;
    StateJournal& journal;
    Configuration& configuration;
    ControlPlane& control;
    ListenSockets& listen;
    Spawner& spawner;
    RecordWriter& record;
    LifecycleLog& log;
    Terminal& terminal;
  };
  AppFiles(App& app, const With& with) : app_(app), with_(with), repair_timer_(app.io) {}

  /// Notices from now on that the socket or a log goes. Without an inotify instance, which a keeper takes
  /// while half of them are left to its user's programs, ctl tells it of the one (SIGUSR1), and the log is
  /// looked for at each line. `known`: a predecessor's. The guard holds the instance too: closing the last
  /// copy takes 10 ms in the kernel.
  void watch(Fd known);
  /// Watches another file (a log) instead of what had the number `before`. Returns its number.
  int watch_file(int fd, int before);
  void stop_watching();
  /// Holds the name from now on by this lock.
  void hold(Fd lock) { lock_ = std::move(lock); }
  int lock() const { return lock_.get(); }

  /// Repairs soon if something is missing.
  void repair_missing();
  /// Makes again what is missing; if that fails, tries again with growing pauses.
  void repair();
  /// Follows a home that was moved: log paths too are as they are found from now on.
  void follow_home();
  /// Looks whether the home was moved. Returns true if it was; what is written there follows from the loop.
  bool find_home();
  /// Names the home in the variables of the next runs, if what they would be given does not lead to it. Not
  /// while a run is spawned: its plan points into these variables.
  void name_home();

  void add_descriptors(std::vector<HeldFd>& out) const override;

 private:
  void watch_socket();
  void on_change(int watch);
  void repair_after(Millis pause);
  Done make_again();
  Done lock_again(const Home& home);
  Done bind_again();

  App& app_;
  With with_;
  Fd lock_;
  std::unique_ptr<RemovalWatch> watch_;  ///< null: there is no inotify instance for it
  int socket_watch_ = RemovalWatch::kNone;
  std::optional<FileId> socket_file_;  ///< of its own socket
  asio::steady_timer repair_timer_;
  Millis repair_pause_{0};
  std::string repair_error_;  ///< as it was told last; empty: none
};

}  // namespace keeper
