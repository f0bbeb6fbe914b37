// respawn LOG PROGRAM [ARGS...]    the least a supervisor can do: start, wait, start again; output is
// appended to LOG. What others take longer than this, they take for what they do besides.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char** words) {
  if (count < 3) return 2;
  const int log = open(words[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (log < 0) return 1;
  for (;;) {
    const pid_t child = vfork();
    if (child < 0) return 1;
    if (child == 0) {
      dup2(log, STDOUT_FILENO);
      dup2(log, STDERR_FILENO);
      execve(words[2], words + 2, environ);
      _exit(127);
    }
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
  }
}
