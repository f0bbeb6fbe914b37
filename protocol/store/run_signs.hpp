// Which processes belong to a run, and whether a record is of a living one.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "protocol/wire/status.hpp"

namespace keeper {

class Home;

/// Returns the "NAME=VALUE" that all processes carry which that keeper started for an app of that name. The
/// pid of a keeper may be reused, but hardly by a keeper of an app of the same name.
std::vector<std::string> run_marks(const std::string& name, int keeper);
/// The signs of a run's processes if their parents do not lead to it.
struct RunSigns {
  int session = 0;  ///< the run's session; 0: the session is not a sign
  /// The leader of the session lives and is the run's main process, so the number was not reused.
  bool led = false;
  std::vector<std::string> marks{};   ///< of the environment (run_marks); none: variables are not a sign
  std::optional<unsigned> user = {};  ///< the run's user, if it is not the keeper's
};
/// Returns whether a process belongs to that run; no other function decides that. A process of another user
/// than the run's, the keeper's (this process's) and root belongs to it only through a session that the run
/// leads: any process can set variables, and the number of a session may be reused.
bool belongs_to_run(int pid, const RunSigns& run);

/// Returns whether the program of a record runs now: in the same boot, and not as another process with the
/// same pid.
bool still_runs(const Status& record);

/// Keeps those processes that a run left, by its record, and that still live. A process that began after the
/// record's end is another one. `boot`: boot_id().
void keep_the_living(std::vector<int>& pids, const Status& record, const std::string& boot);

/// Returns whether the process of that number lives and can be the one that the record of an app names: same
/// boot, and begun before the record was last written.
bool wrote_record(const Home& home, const std::string& stem, const Status& record, int pid);

}  // namespace keeper
