// One run of the child, from spawn to exit status. Owns the pid and a pidfd (pidfd_open(2)); passive: the
// caller waits for the pidfd to become readable and then calls collect().
#pragma once
#include <optional>

#include "keeper/child/child_side.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/wire/exit.hpp"

namespace keeper {

struct SpawnError {
  Stage stage;
  int errnum;
  std::string text;        ///< "exec /srv/api: No such file or directory"
  bool permanent = false;  ///< another attempt will fail in the same way
};

struct Spawned {
  int pid = 0;
  Fd pidfd;  ///< readable once the process has ended
};

/// The input and output of a process: its output goes into pipes, which may be one and the same.
struct StandardFds {
  int input;
  int output;
  int error;
};

/// Returns an input without an end: a pipe whose only writer is its reader. No other process holds it, so it
/// outlives every keeper. Errors: no descriptors, no /proc.
Result<Fd> make_endless_input();

/// Starts a process: own session, its standard descriptors as given, each pipe opened for it anew, only the
/// other descriptors of the plan and `extras`, every signal at its default, none blocked, and the plan's
/// settings. Returns when exec has succeeded or a step has failed (vfork(2): no copy of page tables, which is
/// a third of the time of a restart).
std::variant<Spawned, SpawnError> spawn(const SpawnPlan& plan, const StandardFds& fds, RunExtras extras = {},
                                        SpawnClaim claim = {});

/// The resources that a process and its reaped children have used (getrusage(2)). The kernel counts the
/// memory that it shared with this process until its exec, so a program smaller than its keeper shows the
/// keeper's size.
struct Used {
  std::uint64_t max_memory_bytes = 0;  ///< the largest resident size of one of them
  std::int64_t cpu_ms = 0;             ///< user and system time
};

/// Returns the exit status of an ended child, which stays a zombie until take_end(): a keeper that is killed
/// before it has recorded the status loses nothing. Nothing while it runs, and, for a process that is not our
/// child, until its parent has reaped it: then the kernel reports the status (PIDFD_GET_INFO, Linux 6.15), or
/// it is `unknown`. Fills in `used` with the status, if given; it stays empty for a child of another process.
/// Never waits.
std::optional<ExitInfo> look_at_end(int pid, int pidfd, std::optional<Used>* used = nullptr);
/// Reaps it; does nothing for a process that is not our child.
void take_end(int pid);
/// Does both.
std::optional<ExitInfo> collect(int pid, int pidfd);

/// Returns whether the process of a pidfd has ended, also one that is not our child (pidfd_open(2)).
bool has_ended(int pidfd);

enum class StopChange { none, stopped, continued };
/// Returns whether a signal has stopped or continued a child of ours since the last call (waitid(2)).
StopChange stop_or_continue(int pidfd);

/// Reaps ended processes that do not belong to a run (this process is a subreaper, or pid 1). `ours` returns
/// whether a pid is a run; those are left for look_at_end(). Returns true if any was reaped.
template <class IsRun>
bool reap_strangers(IsRun ours);

namespace detail {
/// Returns the pid of an ended child that is not reaped yet; 0 if there is none.
int ended_child();
void reap(int pid);
}  // namespace detail

template <class IsRun>
bool reap_strangers(IsRun ours) {
  bool any = false;
  for (int pid = detail::ended_child(); pid > 0 && !ours(pid); pid = detail::ended_child()) {
    detail::reap(pid);
    any = true;
  }
  return any;
}

}  // namespace keeper
