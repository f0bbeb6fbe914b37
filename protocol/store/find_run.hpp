// Finds the process that is the program of an app, through the processes themselves: for an app whose records
// are missing or contradict each other.
//
// Every process of a run carries variables that its keeper gave it (KEEPER_NAME, KEEPER_INSTANCE,
// KEEPER_PID), and the caller's KEEPER_HOME if that was set. Variables alone are not a proof: the user of the
// process counts too. The search reads /proc (proc(5)), a few microseconds for each process of the machine;
// no start and no list does it while the records are whole.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "protocol/store/home.hpp"

namespace keeper {

/// The main process of a run that was found.
struct FoundRun {
  int pid = 0;
  std::uint64_t start = 0;  ///< process_start()
  int keeper = 0;           ///< KEEPER_PID in its environment; 0: unknown
};

/// Selects the processes that count: by user, and by parent.
struct RunWish {
  std::optional<unsigned> user{};  ///< uid of the program, accepted beside this process's and root
  std::string user_name{};         ///< the same by its name; empty: unknown
  int guard = 0;      ///< children of this process count, though it may be a guard of the app; 0: none
  bool kept = false;  ///< so do children of any keeper or guard of the app
};

/// The processes of this machine that claim to belong to an app of one home: one walk through /proc, at the
/// first call.
class MarkedProcesses {
 public:
  /// `home` must outlive this object.
  explicit MarkedProcesses(const Home& home) : home_(home) {}
  /// Returns the main process of that app's run: the oldest session leader, else the oldest of all its
  /// processes. Nothing if no process belongs to it. Skips a child of a living keeper of the app, which is
  /// not lost.
  std::optional<FoundRun> main_of(const AppId& id, const RunWish& wish);

 private:
  struct Process {
    FoundRun run;
    bool leads = false;  ///< it leads its session
    std::string stem{};
  };
  void look();

  const Home& home_;
  bool looked_ = false;
  std::vector<Process> all_;
};

/// Returns the app that a process claims to belong to, as the stem of its files; empty: none. `environment`:
/// from environment_of().
std::string stem_in(const std::string& environment);

/// Returns the run if this process is the main one of a run of the app: a session leader of the right user,
/// not a keeper, whose variables name the app or are unreadable. For children of the app's guard.
std::optional<FoundRun> run_of_child(const Home& home, const AppId& id, int pid, const RunWish& wish);

/// Selects the processes of a spec's program; of a status's, if the spec is unreadable.
RunWish wish_for(const Result<Spec>& spec, const Result<Status>& status);

/// Returns the program of an app without a keeper: by the record and the pid file, and, if these name no
/// living process though something remains as after a killed keeper (a socket, a pid file, no whole state
/// page), by the processes themselves. `page_is_whole`: the state page is valid and names no living process.
/// The caller holds the app's lock.
std::optional<FoundRun> find_lost_run(const Home& home, const AppId& id, RunWish wish, bool page_is_whole);

/// Returns the record of an app that has this run: `record`, with the run as the living one.
Status status_of_found(const AppId& id, Status record, const FoundRun& run);

/// Says why existing records of an app are unreadable: "spec.json: it is a symbolic link; status.json: ...".
/// Empty if all existing ones are readable.
std::string unreadable_records(const Result<Spec>& spec, const Result<Status>& status);
/// Returns whether the app has anything on disk: a spec, a status, a state page, a pid.
bool has_records(const Home& home, const std::string& stem);

}  // namespace keeper
