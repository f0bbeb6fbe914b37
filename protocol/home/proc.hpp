// Small reads of /proc (proc(5)) that more than one room needs.
#pragma once
#include <cstddef>
#include <cstdint>
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

/// Its variables as they were at its exec(2), each with a NUL before it and after it; empty where nobody may
/// read them.
std::string environment_of(int pid);
/// Whether "NAME=VALUE" is among them.
bool has_variable(const std::string& environment, const std::string& variable);

/// "NAME=VALUE" that all processes have which that keeper started for an app of that name. The number of a
/// keeper may be given again, but hardly to one that keeps an app of the same name.
std::vector<std::string> run_marks(const std::string& name, int keeper);
/// Whether a process is of that session (0: of none), or has all of these marks (none: no).
bool comes_from(int pid, int session, const std::vector<std::string>& marks);

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

/// Whether the process of that number lives and can be one that the record of an app names: it has the same
/// kernel, and began before the record was last written.
bool wrote_record(const Home& home, const std::string& stem, const Status& record, int pid);

/// The numbers of such a list of pids, appended to `out`.
void add_pids(std::string_view text, std::vector<int>& out);

}  // namespace keeper
