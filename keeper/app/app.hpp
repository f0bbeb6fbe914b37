// App: the app that this process keeps, as all parts of the keeper see it. Each fact has one part that may
// change it; all others read it.
#pragma once
#include <unistd.h>

#include <asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>

#include "keeper/app/app_output.hpp"
#include "keeper/app/kept_state.hpp"
#include "keeper/core/machine.hpp"
#include "keeper/core/recorder.hpp"
#include "keeper/survive/role.hpp"
#include "protocol/store/home.hpp"

namespace keeper {

struct App {
  App(RoleTable role, Home its_home, Spec its_spec, std::vector<RunRecord> runs, Snapshot snapshot);

  const std::string& stem() const { return table.stem; }
  /// Whether this process is about to end.
  bool is_over() const { return leaving_as || gives_way; }
  /// Whether its runs are spawned for the first time, ever.
  bool never_ran(State leaves_as) const { return first_start && leaves_as == State::fatal; }
  std::string log_path() const;
  std::string error_log_path() const;

  RoleTable table;               ///< how this process was started; AppFiles and GuardSession
  const int own_pid = getpid();  ///< a call costs more than all the rest of a status
  const std::string boot_id;     ///< of the kernel
  asio::io_context io{ASIO_CONCURRENCY_HINT_UNSAFE};  ///< one thread: nothing is locked
  Home home;                                          ///< AppFiles
  bool name_lost = false;  ///< another keeper has the name, the lock and the files; AppFiles
  Spec spec;               ///< in use, without its environment, which is environ; Configuration
  ActingUser user;         ///< whose rights count where the program, or its user, chose a path or a port
  Machine machine;         ///< Keeper
  Recorder recorder;       ///< history of runs; Keeper
  std::unique_ptr<AppOutput> output;  ///< null until the log is open; AppLog
  bool first_start = true;            ///< nothing was spawned yet; Configuration
  std::optional<State> leaving_as;    ///< the app is over; Keeper
  Forget forget = Forget::nothing;    ///< what is deleted at its end, as long as that is wanted; Requests
  bool gives_way = false;             ///< to a keeper of another program file; GuardSession
  int guard_pid = 0;                  ///< 0: it has no guard; GuardSession
};

}  // namespace keeper
