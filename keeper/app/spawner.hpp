// Spawner: finds the program, and starts it for a run. What a run is made of (files of variables, the
// program, what runs it, PATH, the user) is looked up again for each run if it has changed.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keeper/app/app.hpp"
#include "keeper/app/events.hpp"
#include "keeper/app/part.hpp"
#include "keeper/child/process.hpp"
#include "keeper/child/spawn_plan.hpp"
#include "keeper/ready/probe_for.hpp"

namespace keeper {

class Configuration;
class EndWatcher;
class NodeChannels;
class ProgramWatch;
class ReadinessTracker;
class RecordWriter;
class Runs;
class StateJournal;
class StatusBuilder;

class Spawner : public Part {
 public:
  /// What it starts runs with; all of it outlives the spawner.
  struct With {
    Runs& runs;
    const std::vector<Part*>& parts;  ///< they equip runs
    StateJournal& journal;
    EndWatcher& ends;
    ReadinessTracker& readiness;
    NodeChannels& channels;
    Configuration& configuration;
    RecordWriter& record;
    ProgramWatch& program;
    StatusBuilder& status;
  };
  Spawner(App& app, Events& events, const With& with) : app_(app), events_(events), with_(with) {}

  /// Spawns the program for that run. The machine is told how that went, whatever went wrong.
  void spawn(RunId id);
  /// Looks the program up anew before the next spawn.
  void forget_plan() { plan_.reset(); }
  /// Whether a run could be started with that spec in that environment, as far as this is known before there
  /// is a process. What passes is no error.
  Done check_start(const Spec& spec, const char* const* inherited) const;
  /// Whether the run that works may be ended for one with that spec. Scarce descriptors and memory are no
  /// reason against it: the old run may be what takes them. Errors: refused.
  Done may_end(const Spec& spec, const char* const* inherited) const;

  /// Returns what is executed; after a takeover, as it would be found now.
  const std::vector<std::string>& command();
  /// Returns how a readiness command is run: as the program is, but for its output, which is discarded.
  Commands commands();
  /// Whether node runs the program, and it has a channel to its keeper.
  bool by_node() const { return by_node_; }
  /// Whether runs are workers of a cluster.
  bool is_clustered() const { return by_node_ && app_.spec.cluster.value_or(false); }
  /// What node is given before the program.
  const std::vector<std::string>& words_for_node() const { return words_for_node_; }
  /// Returns a variable of the next run; its data() is null if it is not set. Only while a run is equipped.
  std::string_view variable(const char* name) const { return variable_in(plan_->envp(), name); }
  /// Returns why the last spawn failed; nothing if it did not.
  const std::optional<SpawnError>& error() const { return error_; }
  /// Closes what is only for spawns.
  void close() { null_.reset(); }

  void describe(Status& status) override;

 private:
  Result<std::vector<std::string>> added_variables(const Spec& spec, const ActingUser& user,
                                                   FilesRead* read = nullptr) const;
  Result<bool> look_up_user();
  bool make_plan();
  void make_room_for_output();
  void try_to_spawn(RunId id);
  void fail(RunId id, SpawnError error);
  int null();
  void on_spawned(RunId id, Spawned& spawned);
  Run* add_run(RunId id, Spawned& spawned);

  App& app_;
  Events& events_;
  With with_;
  std::unique_ptr<SpawnPlan> plan_;  ///< null: to be made
  std::optional<SpawnError> error_;
  FilesRead files_;                   ///< what the plan was made of
  std::vector<std::string> command_;  ///< if there is no plan yet
  std::string local_user_;            ///< Spec::user, if it stood in this system's files at the last plan
  bool by_node_ = false;
  std::vector<std::string> words_for_node_;
  Fd null_;
};

}  // namespace keeper
