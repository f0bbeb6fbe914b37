// One run of the child, from spawn to its exit status. Owns the pid and a pidfd (pidfd_open(2)); passive:
// somebody else waits for the pidfd to become readable and then calls collect().
#pragma once
#include <optional>

#include "keeper/child/child_side.hpp"
#include "protocol/home/home.hpp"

namespace keeper {

struct SpawnError {
  Stage stage;
  int errnum;
  std::string text;        ///< "exec /srv/api: No such file or directory"
  bool permanent = false;  ///< trying again the same way will fail the same way
};

struct Spawned {
  int pid = 0;
  Fd pidfd;  ///< readable when the process has ended
};

/// What a process reads and writes: its output goes into pipes, which may be one and the same.
struct StandardFds {
  int input;
  int output;
  int error;
};

/// What a program reads whose input is to have no end: a pipe whose only writer is its reader. Nobody else
/// holds it, so it outlives every keeper. Errors: no descriptors, no /proc.
Result<Fd> make_endless_input();

/// Starts a process: own session, its standard descriptors as said, each pipe opened for it anew, no other
/// descriptor but those of the plan and `extras`, every signal at its default, none blocked, and the plan's
/// settings. Returns when exec has succeeded or a step failed
/// (vfork(2): no copy of page tables, which is a third of the time of a restart).
std::variant<Spawned, SpawnError> spawn(const SpawnPlan& plan, const StandardFds& fds, RunExtras extras = {},
                                        SpawnClaim claim = {});

/// What a process and the children that it waited for have used (getrusage(2)). The kernel counts the memory
/// that it shared with this process until its exec, so a program smaller than its keeper is shown as that
/// big.
struct Used {
  std::uint64_t max_memory_bytes = 0;  ///< the largest resident size of one of them
  std::int64_t cpu_ms = 0;             ///< user and system time
};

/// The exit status of an ended process of ours, which stays a zombie until take_end(): so a keeper that is
/// killed before it has recorded the status loses nothing. Nothing while it still runs, and, of a process
/// that is another's child, until its parent has reaped it: then the kernel tells the status (PIDFD_GET_INFO,
/// Linux 6.15), or it is `unknown`. `used` is filled in with the status, where it was asked for; it stays
/// empty for a child of another process. Never waits.
std::optional<ExitInfo> look_at_end(int pid, int pidfd, std::optional<Used>* used = nullptr);
/// Of a process that is no child of ours it does nothing.
void take_end(int pid);
/// Both.
std::optional<ExitInfo> collect(int pid, int pidfd);

/// Whether the process of a pidfd has ended, also one that is no child of ours (pidfd_open(2)).
bool has_ended(int pidfd);

enum class StopChange { none, stopped, continued };
/// Whether a process of ours was stopped by a signal, or continued, since this was last asked (waitid(2)).
StopChange stop_or_continue(int pidfd);

/// Processes that ended and are nobody's run (this process is a subreaper, or pid 1): taken away. `ours` says
/// which pids are runs; those are left for look_at_end(). True if any was taken.
template <class IsRun>
bool reap_strangers(IsRun ours);

namespace detail {
/// The pid of some ended child, still unreaped; 0 if there is none.
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
