// Looks for the living program if the state page is missing, damaged or out of date, before another one is
// started: in the record, the pid file, the children of the guard and the variables of processes.
#pragma once
#include <optional>

#include "keeper/app/kept_state.hpp"
#include "keeper/survive/role.hpp"
#include "protocol/store/find_run.hpp"

namespace keeper {

/// Facts of the state page of an app, as far as they can be believed.
struct PageFacts {
  bool whole = false;            ///< it has a content of this boot
  RunId next_run = 1;            ///< of that content
  std::optional<int> pid{};      ///< of a living main process, as far as it knows
  std::optional<WallTime> at{};  ///< the newest time in it
  std::vector<int> keepers{};    ///< of the runs that it knows (KEEPER_PID)
};
PageFacts facts_of(const std::optional<KeptState>& kept, const std::optional<LeftBehind>& left);

/// The program of the app if it lives and the page does not know it. `table`: of the keeper that begins. The
/// guard's children are one read; /proc is walked only if records are missing or disagree.
std::optional<FoundRun> find_unknown_run(const Home& home, const RoleTable& table, const Result<Spec>& spec,
                                         const PageFacts& page);

/// Returns the state with that run, made up from the record: the run is taken for confirmed, since nothing
/// tells what it has shown. `last_run`: the highest number that was given. `inbox`: the last entry of the
/// guard's.
LeftBehind recovered(const Status& record, const Spec& spec, const FoundRun& run, RunId last_run,
                     std::uint32_t inbox);

/// Returns the state of an app that was to stop, and has: the next keeper leaves. Nothing if the record says
/// otherwise.
std::optional<LeftBehind> recovered_end(const Result<Status>& record);

}  // namespace keeper
