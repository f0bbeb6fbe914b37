// The processes of a run, found through parent pids (/proc/PID/task/*/children), never by a scan of /proc.
//
// The keeper is a child subreaper (PR_SET_CHILD_SUBREAPER, prctl(2)): a process that a run leaves behind,
// double-forked or in a session of its own, becomes the keeper's child when its parent ends. So a run's tree
// is its main process with all descendants, and the keeper's other children with theirs. Other keepers and
// their programs are never part of it: an app may run `keeper -d`. If the keeper is pid 1 of a container,
// processes without a sign of this keeper (session, KEEPER_PID in their environment) are strangers: reaped,
// never signalled. belongs_to_run() alone decides which processes belong to a run if their parents do not
// show it.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace keeper {

/// Returns whether this process has any child besides `known` (one read of /proc, for the hot path).
bool has_other_children(const std::vector<int>& known);

struct RunIds {
  int main = 0;             ///< its main process, 0 when that has ended
  int session = 0;          ///< its session: the pid that main had
  std::vector<int> others;  ///< main processes of other runs of this keeper
  /// For a run that an earlier keeper started: the "NAME=VALUE" that all its processes carry. None of them is
  /// a child of this keeper, so those that its main process does not lead to are searched everywhere.
  std::vector<std::string> marks{};
  int guard = 0;   ///< the other half, if it has adopted what the earlier keeper's run left behind
  int keeper = 0;  ///< the earlier keeper, which spawned the run
  std::optional<unsigned> user{};  ///< of the run, if it is not this process's user
  /// Another run lives too (a reload): a process that neither main process leads to belongs to the run of its
  /// session.
  bool beside = false;
};

/// Returns every living process of a run, parents before children. Omits zombies.
std::vector<int> tree_of(const RunIds& run);

/// Returns whether one of these processes is in that group. The number may be reused for another group once
/// no process of a run is in it.
bool group_has(int group, const std::vector<int>& pids);

/// Returns the process group of a process; -1 if it is gone.
int group_of(int pid);

}  // namespace keeper
