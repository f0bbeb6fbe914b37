// Small reads of /proc (proc(5)) that more than one room needs.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/wire/status.hpp"

namespace keeper {

/// As much of a file as fits into the buffer; -1 and errno if it cannot be read.
long read_proc(const char* path, char* buffer, std::size_t size);

/// Direct children of a process, of all its threads (/proc/PID/task/*/children), appended to `out`. `threads`
/// saves a directory scan where it is known to be 1; 0 means unknown.
void add_children(int pid, std::uint64_t threads, std::vector<int>& out);

/// Whether the program of a record runs now: under the same kernel, and not another process of the same
/// number.
bool still_runs(const Status& record);

/// The numbers of such a list of pids, appended to `out`.
void add_pids(std::string_view text, std::vector<int>& out);

}  // namespace keeper
