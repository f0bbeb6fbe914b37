// What a keeper begins with: the spec, and what is known of the keepers that had this app before.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "keeper/app/kept_state.hpp"
#include "keeper/core/recorder.hpp"
#include "keeper/survive/role.hpp"
#include "keeper/survive/state_page.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/store/home.hpp"

namespace keeper {

/// The exit code (EX_OSERR) of a keeper without memory, whose guard is to start a successor.
inline constexpr int kOutOfMemory = 71;

struct Beginning {
  explicit Beginning(Home its_home) : home(std::move(its_home)) {}

  Home home;
  bool name_lost = false;  ///< another keeper has the name, the lock and the files
  Fd spec_file;
  Spec spec;  ///< without its environment
  std::vector<std::string> environment;
  Result<StatePage> page = Error{};
  std::vector<RunRecord> runs;      ///< history of runs, from the record
  std::vector<std::string> losses;  ///< of output that the last keeper could not even write about in the log
  std::optional<LeftBehind> left;   ///< by a predecessor; nothing: this is a first start
  Snapshot machine;                 ///< to go on with
  bool recovered = false;           ///< the page was of no use: `left` is made of the record
  int found_pid = 0;                ///< recovered: the program that was found all the same; 0: none
};
/// Takes from the table what it uses of the descriptors that a predecessor stored. Errors: no home, no spec,
/// and at a first start a disk without room for the page: nobody could resume with such a program.
Result<Beginning> find_beginning(RoleTable& table);

/// Returns how a predecessor has ended, if not as it was told to. `died`: RoleTable::died.
std::string end_of_predecessor(int died);

/// Returns the life of that run; null if the machine does not know it.
const Life* life_of(const Snapshot& machine, RunId run);

/// Returns the facts of a run that the state does not know: it has claimed its spawn just before its keeper
/// was killed.
KeptRun claimed_run(const LeftBehind& left, const Spec& spec);

/// Enters the last end of the state into the history, if no record has it yet.
void remember_end(Recorder& recorder, const KeptState& state);

}  // namespace keeper
