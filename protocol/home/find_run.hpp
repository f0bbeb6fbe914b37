// Which process is the program of an app, asked of the processes themselves: for an app whose records are
// missing, or do not agree with each other.
//
// Every process of a run carries variables that its keeper gave it (KEEPER_NAME, KEEPER_INSTANCE,
// KEEPER_PID), and the caller's KEEPER_HOME if that was set. Variables alone are no proof: the user of the
// process counts too. All of this reads /proc (proc(5)), a few microseconds for each process of the machine:
// no start and no list does it while the records are whole.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "protocol/home/home.hpp"

namespace keeper {

/// The main process of a run that was found.
struct FoundRun {
  int pid = 0;
  std::uint64_t start = 0;  ///< process_start()
  int keeper = 0;           ///< KEEPER_PID in its environment; 0: not known
};

/// Selects the processes that count: by user, and by parent.
struct RunWish {
  std::optional<unsigned> user{};  ///< uid that the program runs as, beside this process's and root
  std::string user_name{};         ///< the same by its name; empty: not known
  int guard = 0;      ///< children of this process count, though it may be a guard of the app; 0: none
  bool kept = false;  ///< so do children of any keeper or guard of the app
};

/// The processes of this machine that say they belong to an app of one home: one walk through /proc, at the
/// first question.
class MarkedProcesses {
 public:
  /// `home` has to live on.
  explicit MarkedProcesses(const Home& home) : home_(home) {}
  /// The main process of that app's run: the oldest leader of a session, else the oldest of all its
  /// processes. Nothing if no process belongs to it. A child of a living keeper of the app is not lost, and
  /// left out.
  std::optional<FoundRun> main_of(const AppId& id, const RunWish& wish);

 private:
  struct Process {
    FoundRun run;
    bool leads = false;  ///< its session
    std::string stem{};
  };
  void look();

  const Home& home_;
  bool looked_ = false;
  std::vector<Process> all_;
};

/// The app that a process says it belongs to, as the stem of its files; empty: none. `environment`: as
/// environment_of() has it.
std::string stem_in(const std::string& environment);

/// Whether this process is the main one of a run of the app: the leader of a session, of the right user, and
/// no keeper, whose variables name the app or cannot be read. For children of the app's guard.
std::optional<FoundRun> run_of_child(const Home& home, const AppId& id, int pid, const RunWish& wish);

/// Selects the processes of a spec's program; of a status's, if the spec cannot be read.
RunWish wish_for(const Result<Spec>& spec, const Result<Status>& status);

/// The program of an app that no keeper keeps: by the record and the pid file, and if these do not name a
/// living process though something is left as a killed keeper leaves it (a socket, a pid file, no whole state
/// page), by the processes themselves. `page_is_whole`: the state page can be believed, and names no living
/// process. Under the app's lock.
std::optional<FoundRun> find_lost_run(const Home& home, const AppId& id, RunWish wish, bool page_is_whole);

/// Returns the record of an app that has this run: `record`, with the run as the living one.
Status status_of_found(const AppId& id, Status record, const FoundRun& run);

/// Why records of an app that are there cannot be read: "spec.json: it is a symbolic link; status.json: ...".
/// Empty if all that are there can be.
std::string unreadable_records(const Result<Spec>& spec, const Result<Status>& status);
/// Whether anything is there that an app has on disk: a spec, a status, a state page, a pid.
bool has_records(const Home& home, const std::string& stem);

}  // namespace keeper
