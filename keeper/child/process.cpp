#include "keeper/child/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "keeper/child/pidfd.hpp"

namespace keeper {
namespace {

constexpr std::size_t kStack = 32 * 1024;

SpawnError error_at(Stage stage, int errnum, const SpawnPlan& plan, int which = 0) {
  SpawnError out{stage, errnum, stage_text(stage, plan, which) + ": " + strerror(errnum), false};
  // What depends on the program, not on the moment.
  constexpr std::array moment = {EAGAIN, ENOMEM, EMFILE, ENFILE, EINTR, EIO, ETXTBSY};
  bool passes = std::find(moment.begin(), moment.end(), errnum) != moment.end();
  out.permanent = !passes && stage >= Stage::descriptors && stage != Stage::signals;
  return out;
}

/// A stack for the child's few calls; given back after the exec, so it costs a kept program nothing.
class ChildStack {
 public:
  ChildStack()
      : base_(mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
  }
  ~ChildStack() {
    if (*this) munmap(base_, kStack);
  }
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;
  explicit operator bool() const { return base_ != MAP_FAILED; }
  void* top() const { return static_cast<char*>(base_) + kStack; }

 private:
  void* base_;
};

/// A child that becomes another user takes the right to be looked into (core dumps, /proc) from the memory
/// that it shares with this process, rightly; once it is gone from there, this process is as it was.
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

/// What the child side reported; nothing after a successful exec.
std::optional<ChildFailure> reported(int pipe) {
  ChildFailure failure{};
  ssize_t got = 0;
  do
    got = read(pipe, &failure, sizeof failure);
  while (got < 0 && errno == EINTR);
  if (got == static_cast<ssize_t>(sizeof failure)) return failure;
  return std::nullopt;
}

}  // namespace

std::variant<Spawned, SpawnError> spawn(const SpawnPlan& plan, int input, int output, ExtraFd extra) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) < 0) return error_at(Stage::prepare, errno, plan);
  Fd reading(ends[0]), writing(ends[1]);
  ChildStack stack;
  if (!stack) return error_at(Stage::prepare, errno, plan);

  ChildSide side{&plan, input, output, writing.get(), extra};
  int pidfd = -1;
  std::optional<Dumpable> as_before;
  if (plan.settings().identity) as_before.emplace();
  int pid = clone(child_side, stack.top(), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &side, &pidfd);
  if (pid < 0) return error_at(Stage::fork, errno, plan);
  Spawned out{pid, Fd(pidfd)};
  writing.reset();
  if (auto failure = reported(reading.get())) {
    detail::reap(pid);
    return error_at(failure->stage, failure->errnum, plan, failure->which);
  }
  return out;
}

std::optional<ExitInfo> collect(int pid, int pidfd, std::optional<Used>* used) {
  siginfo_t info{};
  rusage usage{};
  idtype_t kind = pidfd >= 0 ? P_PIDFD : P_PID;
  long done = 0;
  // The system call has a fifth argument that the library's function does not have (waitid(2), C library
  // differences).
  do
    done = syscall(SYS_waitid, kind, pidfd >= 0 ? pidfd : pid, &info, WEXITED | WNOHANG, &usage);
  while (done < 0 && errno == EINTR);
  if (done < 0) return ExitInfo::unknown();
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
