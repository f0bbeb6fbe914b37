#include "keeper/child/child_side.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

// The sanitizer's bookkeeping must not run on a stack that it does not know, in memory shared with the
// parent.
#define KEEPER_CHILD_SIDE __attribute__((no_sanitize("address", "undefined")))

namespace keeper {
namespace {

KEEPER_CHILD_SIDE [[noreturn]] void fail(ChildSide& side, Stage stage, int which = 0) {
  side.failure = {stage, errno, which};
  side.failed = true;
  _exit(127);
}

/// Lets another user open /dev/stdin and /dev/stdout by name too. If that fails, the descriptors still work.
KEEPER_CHILD_SIDE void give_away(int pipe, const Identity& who) {
  struct stat at {};
  if (fstat(pipe, &at) == 0 && S_ISFIFO(at.st_mode) && fchown(pipe, who.uid, ~0u) < 0) errno = 0;
}

KEEPER_CHILD_SIDE void take_output(ChildSide& side) {
  if (dup2(side.output, STDOUT_FILENO) < 0 || dup2(side.error, STDERR_FILENO) < 0) fail(side, Stage::output);
  const auto& identity = side.plan->settings().identity;
  if (!identity) return;
  give_away(side.output, *identity);
  if (side.error != side.output) give_away(side.error, *identity);
}

/// Moves a descriptor that is in the place of another one out of the way, above all of them.
KEEPER_CHILD_SIDE void make_room(ChildSide& side) {
  int above = 0;
  for (const ExtraFd& extra : side.extras.fds)
    if (extra.to >= above) above = extra.to + 1;
  for (ExtraFd& extra : side.extras.fds)
    for (const ExtraFd& other : side.extras.fds) {
      if (&other == &extra || other.to != extra.from) continue;
      extra.from = fcntl(extra.from, F_DUPFD_CLOEXEC, above);
      if (extra.from < 0) fail(side, Stage::descriptors, extra.to);
      break;
    }
}

/// Keeps passed descriptors open after the exec, under their numbers. Runs before the limits: a low limit on
/// descriptors would be in the way.
KEEPER_CHILD_SIDE void take_descriptors(ChildSide& side) {
  for (int fd : side.plan->settings().inherit_fds)
    if (fcntl(fd, F_SETFD, 0) < 0) fail(side, Stage::descriptors, fd);
  make_room(side);
  for (const ExtraFd& extra : side.extras.fds) {
    bool placed = extra.from == extra.to ? fcntl(extra.to, F_SETFD, 0) == 0 : dup2(extra.from, extra.to) >= 0;
    if (!placed) fail(side, Stage::descriptors, extra.to);
  }
}

KEEPER_CHILD_SIDE void write_oom_score_adj(ChildSide& side, const std::string& text) {
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text.data(), text.size()) < 0) fail(side, Stage::oom_score_adj);
  close(fd);
}

/// Applies everything that may need root, before the change of user.
KEEPER_CHILD_SIDE void take_settings(ChildSide& side) {
  const ChildSettings& settings = side.plan->settings();
  if (settings.umask) umask(*settings.umask);
  if (settings.nice && setpriority(PRIO_PROCESS, 0, *settings.nice) < 0) fail(side, Stage::priority);
  if (!settings.oom_score_adj.empty()) write_oom_score_adj(side, settings.oom_score_adj);
  for (std::size_t i = 0; i < settings.limits.size(); ++i) {
    const ResourceLimit& limit = settings.limits[i];
    rlimit64 wanted{limit.soft, limit.hard};
    if (syscall(SYS_prlimit64, 0, limit.resource, &wanted, nullptr) < 0)
      fail(side, Stage::limits, static_cast<int>(i));
  }
}

/// An ordinary change of user keeps inheritable capabilities, and the caller's securebits may keep all of
/// them (capabilities(7)).
KEEPER_CHILD_SIDE void drop_capabilities(ChildSide& side) {
  __user_cap_header_struct this_process{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capset, &this_process, none) < 0) fail(side, Stage::user);
}

/// Makes bare system calls: the library's functions of these names change all threads of "this" process, and
/// would find the keeper's. The kernel then forbids the new user to inspect the shared memory.
KEEPER_CHILD_SIDE void become(ChildSide& side, const Identity& who) {
  if (syscall(SYS_setgroups, who.groups.size(), who.groups.data()) < 0) fail(side, Stage::groups);
  if (syscall(SYS_setresgid, who.gid, who.gid, who.gid) < 0) fail(side, Stage::groups);
  if (syscall(SYS_setresuid, who.uid, who.uid, who.uid) < 0) fail(side, Stage::user);
  if (who.uid != 0) drop_capabilities(side);
}

/// Writes into memory that the keeper has prepared: no allocation is allowed here.
KEEPER_CHILD_SIDE void write_own_pid(ChildSide& side) {
  if (side.pid_digits == nullptr) return;
  char digits[kPidDigits];
  int count = 0;
  for (long pid = syscall(SYS_getpid); pid > 0; pid /= 10)
    digits[count++] = static_cast<char>('0' + pid % 10);
  for (int i = 0; i < count; ++i)
    side.pid_digits[i] = digits[count - 1 - i];
}

/// Makes the system call: the library may cache the pid of the process with which it shares memory.
KEEPER_CHILD_SIDE void take_claim(ChildSide& side) {
  if (side.claim.word == nullptr) return;
  std::uint64_t expected = side.claim.expected;
  const auto pid = static_cast<std::uint32_t>(syscall(SYS_getpid));
  if (side.claim.word->compare_exchange_strong(expected, expected | pid)) return;
  errno = ECANCELED;
  fail(side, Stage::claim);
}

}  // namespace

KEEPER_CHILD_SIDE int child_side(void* argument) {
  ChildSide& side = *static_cast<ChildSide*>(argument);
  if (setsid() < 0) fail(side, Stage::session);
  if (dup2(side.input, STDIN_FILENO) < 0) fail(side, Stage::input);
  if (side.plan->settings().identity) give_away(side.input, *side.plan->settings().identity);
  take_output(side);
  take_descriptors(side);
  take_settings(side);
  if (side.plan->settings().identity) become(side, *side.plan->settings().identity);
  if (chdir(side.plan->directory()) < 0) fail(side, Stage::directory);
  sigset_t none;
  sigemptyset(&none);
  if (sigprocmask(SIG_SETMASK, &none, nullptr) < 0) fail(side, Stage::signals);
  write_own_pid(side);
  take_claim(side);
  execve(side.plan->executable(), side.plan->argv(),
         side.environment != nullptr ? side.environment : side.plan->envp());
  const int error = errno;
  if (side.claim.word != nullptr) *side.claim.word = side.claim.expected;  // no keeper must take it for a run
  errno = error;
  fail(side, Stage::exec);
}

std::string stage_text(Stage stage, const SpawnPlan& plan, int which) {
  const ChildSettings& settings = plan.settings();
  switch (stage) {
    case Stage::prepare: return "prepare a process";
    case Stage::pid_file: return "take the pid file";
    case Stage::fork: return "fork";
    case Stage::session: return "make a session";
    case Stage::input: return "open its input";
    case Stage::output: return "open its output";
    case Stage::descriptors: return "pass on descriptor " + std::to_string(which);
    case Stage::umask: return "set umask";
    case Stage::priority: return "set priority nice=" + std::to_string(settings.nice.value_or(0));
    case Stage::oom_score_adj: return "set oom_score_adj=" + settings.oom_score_adj;
    case Stage::limits:
      return "set resource limit " + settings.limits.at(static_cast<std::size_t>(which)).text;
    case Stage::groups: return "take the groups of " + (settings.identity ? settings.identity->name : "?");
    case Stage::user: return "become the user " + (settings.identity ? settings.identity->name : "?");
    case Stage::directory: return std::string("chdir ") + plan.directory();
    case Stage::signals: return "reset its signals";
    case Stage::claim: return "claim this run";
    case Stage::exec: break;
  }
  return std::string("exec ") + plan.executable();
}

}  // namespace keeper
