#include "keeper/child/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "keeper/child/pidfd.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/wire/exit.hpp"

namespace keeper {
namespace {

constexpr std::size_t kStack = 16 * 1024;

SpawnError error_at(Stage stage, int errnum, const SpawnPlan& plan, int which = 0) {
  SpawnError out{stage, errnum, stage_text(stage, plan, which) + ": " + strerror(errnum), false};
  // These errors depend on the moment; others depend on the program.
  constexpr std::array moment = {EAGAIN, ENOMEM, EMFILE, ENFILE, EINTR, EIO, ETXTBSY};
  bool passes = std::find(moment.begin(), moment.end(), errnum) != moment.end();
  out.permanent = !passes && stage >= Stage::descriptors && stage != Stage::signals && stage != Stage::claim;
  return out;
}

/// A child that becomes another user makes the memory that it shares with this process uninspectable (core
/// dumps, /proc), rightly. Restores this process's own permission afterwards.
class Dumpable {
 public:
  ~Dumpable() {
    if (before_ == 1) prctl(PR_SET_DUMPABLE, 1);
  }
  Dumpable() : before_(prctl(PR_GET_DUMPABLE)) {}
  Dumpable(const Dumpable&) = delete;
  Dumpable& operator=(const Dumpable&) = delete;

 private:
  int before_;
};

std::int64_t millis_of(const timeval& time) {
  return time.tv_sec * 1000 + time.tv_usec / 1000;
}

Used used_of(const rusage& usage) {
  return {static_cast<std::uint64_t>(usage.ru_maxrss) * 1024,
          (millis_of(usage.ru_utime) + millis_of(usage.ru_stime))};
}

/// Opens an end of the pipe for the child alone, read-write, so the child is its own reader: if all keepers
/// are dead, it gets no SIGPIPE and waits when the pipe is full, and an adopter reopens the pipe through
/// /proc. Each run gets a fresh open, because O_NONBLOCK (which node sets) belongs to it; done here, while
/// the kernel has the path cached.
Fd open_output(int output) {
  char path[32] = "/proc/self/fd/";
  *std::to_chars(path + strlen(path), std::end(path) - 1, output).ptr = 0;
  return Fd(open(path, O_RDWR | O_CLOEXEC));
}

/// The variables of the plan and of this run; the child side fills in the pid.
class RunEnvironment {
 public:
  RunEnvironment(const SpawnPlan& plan, RunExtras& extras) {
    if (!extras.pid_variable.empty()) {
      const std::size_t name = extras.pid_variable.size() + 1;
      extras.variables.push_back(extras.pid_variable + "=" + std::string(kPidDigits, '\0'));
      pid_digits_ = extras.variables.back().data() + name;
    }
    if (!extras.variables.empty()) all_ = merge_environment(plan.envp(), extras.variables, Inherited::all);
  }
  RunEnvironment(const RunEnvironment&) = delete;
  RunEnvironment& operator=(const RunEnvironment&) = delete;

  char* const* get() const { return all_.empty() ? nullptr : const_cast<char* const*>(all_.data()); }
  char* pid_digits() const { return pid_digits_; }

 private:
  std::vector<const char*> all_;
  char* pid_digits_ = nullptr;
};

}  // namespace

std::variant<Spawned, SpawnError> spawn(const SpawnPlan& plan, const StandardFds& fds, RunExtras extras,
                                        SpawnClaim claim) {
  Fd own = open_output(fds.output), own_error;
  if (own && fds.error != fds.output) own_error = open_output(fds.error);
  if (!own || (!own_error && fds.error != fds.output)) return error_at(Stage::output, errno, plan);
  ChildSide side{&plan, fds.input, own.get(), own_error ? own_error.get() : own.get(), std::move(extras)};
  const RunEnvironment environment(plan, side.extras);
  side.environment = environment.get();
  side.pid_digits = environment.pid_digits();
  side.claim = claim;
  int pidfd = -1;
  std::optional<Dumpable> as_before;
  if (plan.settings().identity) as_before.emplace();
  // Stack for the child's few calls; below our own frames, so it costs no memory of its own.
  alignas(16) char stack[kStack];
  int pid = clone(child_side, stack + kStack, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &side, &pidfd);
  if (pid < 0) return error_at(Stage::fork, errno, plan);
  Spawned out{pid, Fd(pidfd)};
  if (!side.failed) return out;
  detail::reap(pid);
  return error_at(side.failure.stage, side.failure.errnum, plan, side.failure.which);
}

Result<Fd> make_endless_input() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) < 0) return system_error("make a pipe for the input");
  const Fd reading(ends[0]), writing(ends[1]);
  Fd both = open_output(reading.get());
  if (!both) return system_error("make a pipe for the input", "open it for both ways");
  return both;
}

namespace {

ExitInfo exit_info_of(int status) {
  if (WIFEXITED(status)) return ExitInfo::code(WEXITSTATUS(status));
  return ExitInfo::signal(WTERMSIG(status), WCOREDUMP(status));
}

/// pidfd_info of linux/pidfd.h as of Linux 6.15; these headers do not have it yet.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup;
  std::uint32_t ids[11];
  std::int32_t exit_code;
};
constexpr std::uint64_t kExit = 1u << 3;  // PIDFD_INFO_EXIT

/// A process that ended a moment ago is a zombie, and the kernel reports its exit_code (proc_pid_stat(5)) if
/// it had our user; for others it reports 0.
std::optional<ExitInfo> status_of_zombie(int pid) {
  char path[32], text[1024];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  struct stat st {};
  if (stat(path, &st) < 0 || (geteuid() != 0 && st.st_uid != geteuid())) return std::nullopt;
  const long got = read_proc(path, text, sizeof text - 1);
  if (got <= 0) return std::nullopt;
  text[got] = 0;
  const char* after = strrchr(text, ')');  // the name may hold any character
  const char* last = strrchr(text, ' ');
  if (after == nullptr || last == nullptr || strncmp(after, ") Z", 3) != 0) return std::nullopt;
  return exit_info_of(std::atoi(last + 1));
}

/// Returns nothing until its parent has reaped it.
std::optional<ExitInfo> status_of_foreign(int pid, int pidfd) {
  if (auto status = status_of_zombie(pid)) return *status;
  pollfd p{pidfd, 0, 0};
  if (pidfd < 0) return ExitInfo::unknown();
  if (poll(&p, 1, 0) <= 0) return std::nullopt;
  PidfdInfo info{};
  info.mask = kExit;
  if (ioctl(pidfd, _IOWR(0xFF, 11, PidfdInfo), &info) < 0 || (info.mask & kExit) == 0)
    return ExitInfo::unknown();
  return exit_info_of(info.exit_code);
}

}  // namespace

std::optional<ExitInfo> collect(int pid, int pidfd) {
  auto exit = look_at_end(pid, pidfd);
  if (exit) take_end(pid);
  return exit;
}

void take_end(int pid) {
  detail::reap(pid);
}

std::optional<ExitInfo> look_at_end(int pid, int pidfd, std::optional<Used>* used) {
  siginfo_t info{};
  rusage usage{};
  idtype_t kind = pidfd >= 0 ? P_PIDFD : P_PID;
  long done = 0;
  // The system call has a fifth argument that the library's function lacks (waitid(2), C library
  // differences).
  do
    done = syscall(SYS_waitid, kind, pidfd >= 0 ? pidfd : pid, &info, WEXITED | WNOHANG | WNOWAIT, &usage);
  while (done < 0 && errno == EINTR);
  if (done < 0) return status_of_foreign(pid, pidfd);
  if (info.si_pid == 0) return std::nullopt;
  if (used != nullptr) *used = used_of(usage);
  if (info.si_code == CLD_EXITED) return ExitInfo::code(info.si_status);
  return ExitInfo::signal(info.si_status, info.si_code == CLD_DUMPED);
}

bool has_ended(int pidfd) {
  pollfd p{pidfd, POLLIN, 0};
  return poll(&p, 1, 0) > 0;
}

StopChange stop_or_continue(int pidfd) {
  siginfo_t info{};
  if (waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WSTOPPED | WCONTINUED | WNOHANG) < 0 ||
      info.si_pid == 0)
    return StopChange::none;
  return info.si_code == CLD_CONTINUED ? StopChange::continued : StopChange::stopped;
}

int detail::ended_child() {
  siginfo_t info{};
  if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0) return 0;
  return info.si_pid;
}

void detail::reap(int pid) {
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace keeper
