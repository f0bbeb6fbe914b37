// Small reads of /proc (proc(5)) that more than one folder needs.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keeper {

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

/// Returns the real user of a process (proc_pid_status(5), Uid): an exec does not change it, and changing it
/// takes a privilege. Nothing if there is no such process.
std::optional<unsigned> user_of(int pid);
/// Returns the pid of the parent (proc_pid_status(5), PPid); 0 if there is no such process, or no parent in
/// this pid namespace.
int parent_of(int pid);

/// Returns the start of a process in milliseconds by the current wall clock; nothing if there is no such
/// process.
std::optional<std::int64_t> began_ms(int pid);
/// Returns whether a process began after something was written at that time: then it is not the process of
/// that number which the text names. Lenient by a second: ticks are coarse, and the wall clock is adjusted at
/// times.
bool began_after(std::int64_t began_ms, std::int64_t written_ms);

/// Appends the numbers of such a list of pids to `out`.
void add_pids(std::string_view text, std::vector<int>& out);

/// Returns the start time of a process in clock ticks since boot (proc(5), stat field 22): with the pid it
/// identifies a process within one boot. Nothing if there is no such process, or it is a zombie.
std::optional<std::uint64_t> process_start(int pid);
/// /proc/sys/kernel/random/boot_id
std::string boot_id();

}  // namespace keeper
