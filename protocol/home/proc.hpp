// Small reads of /proc (proc(5)) that more than one room needs.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/wire/status.hpp"

namespace keeper {

class Home;

/// As much of a file as fits into the buffer; -1 and errno if it cannot be read.
long read_proc(const char* path, char* buffer, std::size_t size);

/// Direct children of a process, of all its threads (/proc/PID/task/*/children), appended to `out`. `threads`
/// saves a directory scan where it is known to be 1; 0 means unknown.
void add_children(int pid, std::uint64_t threads, std::vector<int>& out);

/// Every number in /proc.
std::vector<int> all_processes();

/// Whether the file that it runs is called so; one that was replaced or deleted meanwhile counts too.
bool runs_program(int pid, std::string_view name);

/// Returns its command line as one line that is harmless and not long: "python3 serve.py"; empty if it is
/// gone.
std::string command_text_of(int pid);

/// Why a signal to these processes was refused (EPERM, kill(2)): "not permitted: pid 4711 runs as root".
std::string not_permitted_text(const std::vector<int>& pids);
/// Those of them that this process may not send a signal.
std::vector<int> not_permitted(const std::vector<int>& pids);

/// Its variables as they were at its exec(2), each with a NUL before it and after it; empty where nobody may
/// read them.
std::string environment_of(int pid);
/// Whether "NAME=VALUE" is among them.
bool has_variable(const std::string& environment, const std::string& variable);
/// Returns the value of the variable `name`; nothing if it is not set. `environment`: environment_of().
std::optional<std::string> variable_in(const std::string& environment, std::string_view name);

/// "NAME=VALUE" that all processes have which that keeper started for an app of that name. The number of a
/// keeper may be given again, but hardly to one that keeps an app of the same name.
std::vector<std::string> run_marks(const std::string& name, int keeper);
/// The real user of a process (proc_pid_status(5), Uid): what it executes does not change that, and it cannot
/// take another one without a privilege. Nothing if there is no such process.
std::optional<unsigned> user_of(int pid);
/// Returns the pid of the parent (proc_pid_status(5), PPid); 0 if there is no such process, or no parent in
/// this pid namespace.
int parent_of(int pid);

/// The signs by which processes of a run are known if their parents do not lead to it.
struct RunSigns {
  int session = 0;  ///< the run's session; 0: no process is known by its session
  /// The leader of the session lives and is the run's main process: the number is no other session's.
  bool led = false;
  std::vector<std::string> marks{};   ///< of the environment (run_marks); none: no process is known by them
  std::optional<unsigned> user = {};  ///< the run's user, where it is not the keeper's
};
/// Whether a process belongs to that run. The one place that decides so: a process of another user than the
/// run's, the keeper's (this process's) and root belongs to it by nothing but a session that the run leads.
/// Anybody can set variables, and the number of a session may be given again.
bool belongs_to_run(int pid, const RunSigns& run);

/// Whether the program of a record runs now: under the same kernel, and not another process of the same
/// number.
bool still_runs(const Status& record);

/// When a process began, in milliseconds by the wall clock as it goes now; nothing if there is none of that
/// number.
std::optional<std::int64_t> began_ms(int pid);
/// Whether a process began later than something was written at that time: then it is not the one of that
/// number which is spoken of there. Lenient by a second: ticks are coarse, and the wall clock is put right at
/// times.
bool began_after(std::int64_t began_ms, std::int64_t written_ms);

/// Keeps those processes that a run left, by its record, and that are still there. A process that began after
/// the record's end is another. `boot`: boot_id().
void keep_the_living(std::vector<int>& pids, const Status& record, const std::string& boot);

/// Whether the process of that number lives and can be one that the record of an app names: it has the same
/// kernel, and began before the record was last written.
bool wrote_record(const Home& home, const std::string& stem, const Status& record, int pid);

/// The numbers of such a list of pids, appended to `out`.
void add_pids(std::string_view text, std::vector<int>& out);

}  // namespace keeper
