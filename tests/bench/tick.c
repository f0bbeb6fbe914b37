// tick    the first thing it does is to append "NANOSECONDS PID" (CLOCK_MONOTONIC) to $TICK_FILE; then it
// waits for ever, or, with $TICK_ONCE, ends, or, with $TICK_SAYS, writes a line a second to stdout. The file
// stands in the environment, so that a supervisor which takes no arguments can run it as it is.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const char* file = getenv("TICK_FILE");
  const int fd = file ? open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
  if (fd < 0) return 1;
  char line[64];
  const int length =
      snprintf(line, sizeof line, "%lld %d\n", now.tv_sec * 1000000000LL + now.tv_nsec, (int)getpid());
  if (write(fd, line, (size_t)length) != length) return 1;
  close(fd);
  if (getenv("TICK_ONCE")) return 0;
  const char said[] = "2026-01-01 00:00:00 GET /api/v1/items?page=3 200 12ms a line as servers write them\n";
  if (getenv("TICK_SAYS")) {
    // Each at a moment of its own, however fast they were started one after the other: those that come
    // together find the caches warm.
    const struct timespec until_mine = {.tv_nsec = (long)(getpid() * 618033989LL % 1000000000LL)};
    nanosleep(&until_mine, NULL);
    while (write(STDOUT_FILENO, said, sizeof said - 1) > 0)
      sleep(1);
  }
  for (;;)
    pause();
}
