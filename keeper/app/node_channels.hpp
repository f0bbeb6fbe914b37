// NodeChannels: the IPC channel of each run that node executes (process.send()). Its messages become events;
// those of node's cluster module go to ClusterSockets.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "keeper/app/app.hpp"
#include "keeper/app/events.hpp"
#include "keeper/app/part.hpp"

namespace keeper {

class ClusterSockets;
class FdStore;
class ReadinessTracker;
class Runs;
class Signaller;
class Spawner;
class StateJournal;
class Subscribers;

class NodeChannels : public Part {
 public:
  /// The other parts that it speaks with; all of them outlive it.
  struct With {
    FdStore& store;
    StateJournal& journal;
    Runs& runs;
    Spawner& spawner;
    ReadinessTracker& readiness;
    ClusterSockets& cluster;
    Signaller& signaller;
    Subscribers& subscribers;
  };
  NodeChannels(App& app, const With& with) : app_(app), with_(with) {}

  /// Begins to read the channel of a run that was spawned.
  void begin(RunId id);
  /// Closes the channels of runs that are over, for their programs too.
  void close_unused();
  /// Sends the stop message, or the word to leave its cluster (action::Signal). Returns false if the run has
  /// no channel, or does not read it.
  bool send_word(Run& run, int word);

  Done equip(RunId run, RunExtras& extras) override;
  void not_spawned(RunId run) override;
  void spawned(Run& run) override;
  void adopted(Run& run, const Life* life) override;
  void removed(Run& run) override;
  void save(KeptState& state) const override;
  void restore(const KeptState& state) override { copy_ = state.twin; }
  void add_descriptors(std::vector<HeldFd>& out) const override;

 private:
  void give_worker_script(RunExtras& extras) const;
  ChannelHooks hooks_for(RunId id);
  Told on_line(RunId id, std::string_view line);
  void on_closed(RunId id);
  void end_if_it_stays(Run& run);

  App& app_;
  With with_;
  std::unique_ptr<Channel> pending_;  ///< of the run that is being equipped
  int copy_ = -1;                     ///< KeptRun::twin of the run that was equipped last
};

}  // namespace keeper
