#include "keeper/child/child_side.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

// The sanitizer's own bookkeeping must not run on a stack it does not know, in a memory shared with the
// parent.
#define KEEPER_CHILD_SIDE __attribute__((no_sanitize("address", "undefined")))

namespace keeper {
namespace {

KEEPER_CHILD_SIDE [[noreturn]] void fail(const ChildSide& side, Stage stage) {
  ChildFailure failure{stage, errno};
  while (write(side.failure, &failure, sizeof failure) < 0 && errno == EINTR) {
  }
  _exit(127);
}

/// "/proc/self/fd/N" without the library.
KEEPER_CHILD_SIDE void descriptor_path(char* out, int fd) {
  constexpr char prefix[] = "/proc/self/fd/";
  for (char c : prefix)
    if (c != 0) *out++ = c;
  char digits[12];
  int count = 0;
  do
    digits[count++] = static_cast<char>('0' + fd % 10);
  while ((fd /= 10) > 0);
  while (count > 0)
    *out++ = digits[--count];
  *out = 0;
}

/// The child is its own reader: with every keeper dead it gets no SIGPIPE and waits when the pipe is full,
/// and whoever adopts it reopens the pipe through /proc. A fresh open each run, for O_NONBLOCK (which node
/// sets) belongs to it.
KEEPER_CHILD_SIDE void take_output(const ChildSide& side) {
  char path[40];
  descriptor_path(path, side.output);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) fail(side, Stage::output);
}

}  // namespace

KEEPER_CHILD_SIDE int child_side(void* argument) {
  const ChildSide& side = *static_cast<const ChildSide*>(argument);
  if (setsid() < 0) fail(side, Stage::session);
  if (dup2(side.input, STDIN_FILENO) < 0) fail(side, Stage::input);
  take_output(side);
  if (chdir(side.plan->directory()) < 0) fail(side, Stage::directory);
  sigset_t none;
  sigemptyset(&none);
  if (sigprocmask(SIG_SETMASK, &none, nullptr) < 0) fail(side, Stage::signals);
  execve(side.plan->executable(), side.plan->argv(), side.plan->envp());
  fail(side, Stage::exec);
}

std::string stage_text(Stage stage, const SpawnPlan& plan) {
  switch (stage) {
    case Stage::prepare: return "prepare a process";
    case Stage::fork: return "fork";
    case Stage::session: return "make a session";
    case Stage::input: return "open its input";
    case Stage::output: return "open its output";
    case Stage::directory: return std::string("chdir ") + plan.directory();
    case Stage::signals: return "reset its signals";
    case Stage::exec: break;
  }
  return std::string("exec ") + plan.executable();
}

}  // namespace keeper
