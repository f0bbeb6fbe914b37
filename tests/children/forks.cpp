// forks group [exit MS]     leaves a child in its own process group; says "group PID"
// forks double [exit MS]    leaves a grandchild in a session of its own, whose parent is gone; says "double
// PID" forks tree N [exit MS]    leaves a chain of N processes, each the child of the one before and in a
// process group of
//                           its own: a signal to a group reaches one of them; says "tree PID" N times, top
//                           first
// Then it waits for ever, or exits 0 after MS. What it leaves waits for ever and ends by TERM.
#include <sys/wait.h>

#include <cstring>

#include "tests/children/tiny.hpp"

namespace {

constexpr std::string_view kUsage = "forks group|double|tree N [exit MS]";

// fork(2), or the end: half a tree would prove nothing.
pid_t fork_or_end() {
  const pid_t pid = fork();
  if (pid >= 0) return pid;
  keeper::put(STDERR_FILENO, "forks: cannot fork\n");
  _exit(1);
}

// A pid is told through a pipe once its process stands where it belongs, so whoever reads "double PID" finds
// it there.
void tell(int fd) {
  const pid_t pid = getpid();
  keeper::put(fd, {reinterpret_cast<const char*>(&pid), sizeof pid});
}

void leave_group_member() {
  const pid_t pid = fork_or_end();
  if (pid == 0) keeper::wait_for_ever();
  keeper::say_pid("group", pid);
}

void leave_session(int told) {
  const pid_t middle = fork_or_end();
  if (middle > 0) {
    waitpid(middle, nullptr, 0);
    return;
  }
  setsid();
  if (fork_or_end() > 0) _exit(0);
  tell(told);
  close(told);
  keeper::wait_for_ever();
}

void leave_chain(int told, long length) {
  if (fork_or_end() > 0) return;
  setpgid(0, 0);
  tell(told);
  if (length > 1) leave_chain(told, length - 1);
  close(told);
  keeper::wait_for_ever();
}

// Says what comes through the pipe until `wanted` pids have come.
void say_told(const char* word, int told, long wanted) {
  for (pid_t pid = 0; wanted > 0; --wanted) {
    if (read(told, &pid, sizeof pid) != static_cast<ssize_t>(sizeof pid)) _exit(1);
    keeper::say_pid(word, pid);
  }
}

}  // namespace

int main(int count, char** words) {
  if (count < 2) keeper::usage(kUsage);
  const char* mode = words[1];
  const bool tree = strcmp(mode, "tree") == 0;
  if (tree && count < 3) keeper::usage(kUsage);
  const long length = tree ? keeper::number(words[2], kUsage) : 1;
  const int next = tree ? 3 : 2;
  const bool exits = count == next + 2 && strcmp(words[next], "exit") == 0;
  if (length < 1 || (count != next && !exits)) keeper::usage(kUsage);
  const long ms = exits ? keeper::number(words[next + 1], kUsage) : 0;

  int told[2];
  if (pipe(told) != 0) return 1;
  if (tree) {
    leave_chain(told[1], length);
  } else if (strcmp(mode, "double") == 0) {
    leave_session(told[1]);
  } else if (strcmp(mode, "group") == 0) {
    leave_group_member();
  } else {
    keeper::usage(kUsage);
  }
  close(told[1]);
  if (strcmp(mode, "group") != 0) say_told(mode, told[0], length);
  close(told[0]);
  if (!exits) keeper::wait_for_ever();
  keeper::sleep_ms(ms);
  return 0;
}
