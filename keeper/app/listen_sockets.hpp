// ListenSockets: the sockets of --listen, held from before the first run until after the last. With --lazy
// the first run waits for a connection.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "keeper/app/app.hpp"
#include "keeper/app/events.hpp"
#include "keeper/app/kept_state.hpp"
#include "keeper/app/part.hpp"
#include "keeper/listen/connection_watch.hpp"
#include "keeper/listen/listeners.hpp"
#include "keeper/watch/removal_watch.hpp"

namespace keeper {

class FdStore;
class LifecycleLog;
class Runs;
class Spawner;

class ListenSockets : public Part {
 public:
  ListenSockets(App& app, Events& events, FdStore& store, Runs& runs, Spawner& spawner, LifecycleLog& log)
      : app_(app), events_(events), store_(store), runs_(runs), spawner_(spawner), log_(log) {}

  /// Takes what a predecessor opened, from the store or from the program itself, and opens the rest. Errors,
  /// at a first start: an address that cannot be had. A program that runs already is kept all the same.
  Done open(const std::optional<LeftBehind>& left);
  /// Opens what the other addresses need beside the old ones. Errors: one cannot be had; nothing has changed.
  Done add(const std::vector<ListenAddress>& wanted, const std::vector<ListenAddress>& before);
  /// Goes back to these addresses.
  void want(const std::vector<ListenAddress>& addresses);
  /// Closes what is not wanted any more.
  void drop_others();
  /// Watches the files of UNIX sockets with that watch; null: it is gone.
  void watch_with(RemovalWatch* watch);
  bool is_watch(int watch) const;
  /// Makes the files again that somebody has removed.
  void repair();
  /// Removes the files: the app is over.
  void remove_paths();
  /// Returns the sockets, in the order of the spec.
  std::vector<int> sockets() const { return listeners_ ? listeners_->sockets() : std::vector<int>(); }

  /// Starts the first run when somebody connects, if the machine waits for that.
  void await_connection();
  /// Stops that if the machine does not wait any more.
  void stop_waiting();
  /// Returns the addresses for people.
  std::string addresses() const;

  Done equip(RunId run, RunExtras& extras) override;
  void describe(Status& status) override;
  void save(KeptState& state) const override;
  void add_descriptors(std::vector<HeldFd>& out) const override;

 private:
  void store_all();
  void watch();

  App& app_;
  Events& events_;
  FdStore& store_;
  Runs& runs_;
  Spawner& spawner_;
  LifecycleLog& log_;
  std::unique_ptr<Listeners> listeners_;         ///< null: none
  std::unique_ptr<ConnectionWatch> connection_;  ///< null: no connection is waited for
  RemovalWatch* watch_ = nullptr;
  std::vector<int> watches_;  ///< numbers of the files in watch_
};

}  // namespace keeper
