// Runs: every run of which something is left, and which processes belong to it.
#pragma once
#include <list>
#include <string>
#include <vector>

#include "keeper/app/app.hpp"
#include "keeper/app/part.hpp"
#include "keeper/child/tree.hpp"
#include "keeper/ready/sender.hpp"

namespace keeper {

class Runs : public Part {
 public:
  Runs(App& app, const std::vector<Part*>& parts) : app_(app), parts_(parts) {}

  /// Returns the run with that number; null if nothing of it is left. Telling an event may remove runs: look
  /// again after that.
  Run* find(RunId id);
  const Run* find(RunId id) const;
  std::list<Run>& all() { return runs_; }
  const std::list<Run>& all() const { return runs_; }
  std::vector<RunId> ids() const;
  Run& add(Run run);
  /// Adds a run that a predecessor started. Its pidfd is open if its main process lives.
  Run& adopt(const KeptRun& kept);
  /// Takes a run out of the list once nothing of it is left, or it could not be kept. Parts let go of what
  /// they have for it. What the run has itself is closed with the result.
  std::list<Run> take(RunId id);

  /// Returns the facts of the run that the app's status is about: the current one, or the last one that was.
  const KeptRun& current() const;
  /// Returns when the last run of all has ended; nothing before the first end.
  std::optional<WallTime> last_exit_at() const { return last_exit_at_; }
  /// Returns what the run's processes are found by.
  RunIds ids_of(const Run& run) const;
  /// Returns the processes of a run, the main one first.
  std::vector<int> tree(const Run& run) const { return tree_of(ids_of(run)); }
  /// Returns the children of this process that are no part of `but`: other runs, readiness commands, packers.
  std::vector<int> other_mains(const Run* but) const;
  /// Whether one of these processes is of the run's tree.
  bool has_one_of(const Run& run, const std::vector<int>& pids) const;
  /// Returns the run that a sender belongs to; null if it is none of their processes, or gone without a
  /// trace.
  Run* run_of(const Sender& sender);
  /// Lets go of what a run leaves behind with kill_mode process: it belongs to no run any more.
  void detach(const Run& run);

  /// The processes that outlived KILL, or may not be signalled.
  const std::vector<int>& survivors() const { return survivors_; }
  void note_survivors(std::vector<int> pids) { survivors_ = std::move(pids); }

  void announced(const action::Announce& a) override;
  void describe(Status& status) override;
  void save(KeptState& state) const override;
  void restore(const KeptState& state) override;

 private:
  App& app_;
  const std::vector<Part*>& parts_;
  std::list<Run> runs_;
  KeptRun last_;  ///< the last run that was the current one, and of which nothing is left
  std::optional<WallTime> last_exit_at_;
  std::vector<KeptProcess> detached_;  ///< by kill_mode process: of no run any more
  std::vector<int> survivors_;
};

}  // namespace keeper
