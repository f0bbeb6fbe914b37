// Small reads of /proc (proc(5)) that more than one folder needs.
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

/// Reads as much of a file as fits into the buffer; -1 and errno if it is unreadable.
long read_proc(const char* path, char* buffer, std::size_t size);

/// Appends the direct children of a process, of all its threads (/proc/PID/task/*/children), to `out`.
/// `threads` 1 saves a directory scan; 0 means unknown.
void add_children(int pid, std::uint64_t threads, std::vector<int>& out);

/// Returns every pid in /proc.
std::vector<int> all_processes();

/// Returns whether its program file has that name; also if the file was replaced or deleted meanwhile.
bool runs_program(int pid, std::string_view name);

/// Returns its command line as one short, harmless line: "python3 serve.py"; empty if the process is gone.
std::string command_text_of(int pid);

/// Says why a signal to these processes was refused (EPERM, kill(2)): "not permitted: pid 4711 runs as root".
std::string not_permitted_text(const std::vector<int>& pids);
/// Returns those of them that this process may not signal.
std::vector<int> not_permitted(const std::vector<int>& pids);

/// Returns its variables as of its exec(2), each with a NUL before it and after it; empty if they are
/// unreadable.
std::string environment_of(int pid);
/// Returns whether "NAME=VALUE" is among them.
bool has_variable(const std::string& environment, const std::string& variable);
/// Returns the value of the variable `name`; nothing if it is not set. `environment`: environment_of().
std::optional<std::string> variable_in(const std::string& environment, std::string_view name);

/// Returns the "NAME=VALUE" that all processes carry which that keeper started for an app of that name. The
/// pid of a keeper may be reused, but hardly by a keeper of an app of the same name.
std::vector<std::string> run_marks(const std::string& name, int keeper);
/// Returns the real user of a process (proc_pid_status(5), Uid): an exec does not change it, and changing it
/// takes a privilege. Nothing if there is no such process.
std::optional<unsigned> user_of(int pid);
/// Returns the pid of the parent (proc_pid_status(5), PPid); 0 if there is no such process, or no parent in
/// this pid namespace.
int parent_of(int pid);

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

/// Returns the start of a process in milliseconds by the current wall clock; nothing if there is no such
/// process.
std::optional<std::int64_t> began_ms(int pid);
/// Returns whether a process began after something was written at that time: then it is not the process of
/// that number which the text names. Lenient by a second: ticks are coarse, and the wall clock is adjusted at
/// times.
bool began_after(std::int64_t began_ms, std::int64_t written_ms);

/// Keeps those processes that a run left, by its record, and that still live. A process that began after the
/// record's end is another one. `boot`: boot_id().
void keep_the_living(std::vector<int>& pids, const Status& record, const std::string& boot);

/// Returns whether the process of that number lives and can be the one that the record of an app names: same
/// boot, and begun before the record was last written.
bool wrote_record(const Home& home, const std::string& stem, const Status& record, int pid);

/// Appends the numbers of such a list of pids to `out`.
void add_pids(std::string_view text, std::vector<int>& out);

}  // namespace keeper
