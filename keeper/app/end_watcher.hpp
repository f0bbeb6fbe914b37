// EndWatcher: notices that a process of a run has stopped, continued, ended or moved, and tells it once: the
// exit status is recorded before the zombie is reaped.
#pragma once
#include <asio/steady_timer.hpp>
#include <optional>
#include <vector>

#include "keeper/app/app.hpp"
#include "keeper/app/events.hpp"
#include "keeper/app/part.hpp"
#include "keeper/child/process.hpp"

namespace keeper {

class GuardSession;
class ReadinessTracker;
class Runs;
class Signaller;
class StateJournal;

class EndWatcher : public Part {
 public:
  EndWatcher(App& app, Events& events, Runs& runs, StateJournal& journal, ReadinessTracker& readiness,
             Signaller& signaller, GuardSession& guard)
      : app_(app),
        events_(events),
        runs_(runs),
        journal_(journal),
        readiness_(readiness),
        signaller_(signaller),
        guard_(guard),
        rest_again_(app.io) {}

  /// Waits for the end of a run's main process.
  void watch(Run& run);
  /// Makes another process of a run its main one (sd_notify(3), MAINPID).
  void move_main(Run& run, int pid);
  /// Looks at all runs: SIGCHLD, or a child of another process has ended. Reaps what is no run.
  void look();
  /// Tells the ends of adopted runs that were over when this process began.
  void tell_lost();
  /// Polls for the end of processes that are no children of this one, while some must disappear.
  void poll_rest();
  /// Looks at what is left of runs whose processes are no children of this one.
  void look_for_adopted_rest();

  void adopted(Run& run, const Life* life) override;
  /// Notes that an adopted run's main process has ended while no keeper lived.
  void note_lost(RunId id) { lost_.push_back(id); }

 private:
  void on_pidfd(RunId id);
  void on_main_exited(Run& run, const ExitInfo& exit, const std::optional<Used>& used);
  void drain(RunId id);
  std::optional<ExitInfo> status_of(Run& run, std::optional<Used>* used);
  void look_again(Run& run);
  void look_for_stop(Run& run);
  void look_for_rest(Run& run);
  bool note_exit(const Run& run, const ExitInfo& exit, const std::optional<Used>& used,
                 const std::vector<int>& rest);

  App& app_;
  Events& events_;
  Runs& runs_;
  StateJournal& journal_;
  ReadinessTracker& readiness_;
  Signaller& signaller_;
  GuardSession& guard_;
  std::vector<RunId> lost_;  ///< adopted runs that ended while no keeper lived
  asio::steady_timer rest_again_;
};

}  // namespace keeper
