// The processes of a run, found through parent pids (/proc/PID/task/*/children), never by a scan of /proc.
//
// The keeper is a child subreaper (PR_SET_CHILD_SUBREAPER, prctl(2)): whatever a run leaves behind,
// double-forked or in sessions of its own, becomes the keeper's own child when its parent ends. So a run's
// tree is its main process with all descendants, and the keeper's other children with theirs. Other keepers
// are never part of it, with what they keep: an app may run `keeper -d`. Where the keeper is pid 1 of a
// container, processes that carry no sign of this keeper (session, KEEPER_PID in their environment) are
// strangers: reaped, never signalled. belongs_to_run() alone decides which processes are of a run if their
// parents do not show it.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace keeper {

/// Whether this process has any child besides `known` (one read of /proc, for the hot path).
bool has_other_children(const std::vector<int>& known);

struct RunIds {
  int main = 0;             ///< its main process, 0 when that has ended
  int session = 0;          ///< its session: the pid that main had
  std::vector<int> others;  ///< main processes of other runs of this keeper
  /// Of a run that an earlier keeper started: "NAME=VALUE" that all its processes have from it. Nobody of
  /// them is a child of this one, so those that its main process does not lead to are looked for everywhere.
  std::vector<std::string> marks{};
  int guard = 0;   ///< the other half, where that has adopted what the earlier keeper's run left behind
  int keeper = 0;  ///< the earlier keeper, which has spawned the run
  std::optional<unsigned> user{};  ///< that it runs as, where that is not this process's user
  /// Another run lives too (a reload): what neither main process leads to is of the run whose session it is
  /// in.
  bool beside = false;
};

/// Every living process of a run, parents before children. Zombies are left out.
std::vector<int> tree_of(const RunIds& run);

/// Whether one of these processes is in that group. A number is another's group once nobody of a run is in
/// it.
bool group_has(int group, const std::vector<int>& pids);

/// The process group of a process; -1 if it is gone.
int group_of(int pid);

}  // namespace keeper
