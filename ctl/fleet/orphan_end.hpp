// The steps by which a program is ended whose keeper was killed: those of a keeper's own stop.
//
//   it lives                  the stop signals and CONT, one after the other, to whom kill_mode says; then
//   KILL it is gone, others live   the last signal to those of its tree that have not had it; the signals
//   that are
//                             left, each with its time; then KILL
//
// With kill_mode `process` nobody but the program is sent anything, and what it started stays; with `mixed`
// the others are sent KILL alone.
#pragma once
#include <string>
#include <vector>

#include "protocol/client/client.hpp"

namespace keeper {

/// What is left of its tree, by pid.
struct OrphanRest {
  std::vector<int> survivors{};  ///< what KILL did not end
  std::vector<int> left{};       ///< what was not to be ended, or not in time
  bool late = false;             ///< the deadline passed while these were to end
  std::vector<KilledProcess> killed{};
};

/// The program of `record` lives, `pidfd` is its own. Errors: timeout (it has been told to end, and lives),
/// failed (it cannot be signalled).
Result<OrphanRest> end_orphan(const Status& record, const Fd& pidfd, const Spec& spec,
                              const Deadline& deadline);

}  // namespace keeper
