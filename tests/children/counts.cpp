// counts FILE    appends "PID NANOSECONDS" (CLOCK_MONOTONIC) to FILE, then waits for ever: one line a start.
#include <fcntl.h>

#include "tests/children/tiny.hpp"

int main(int count, char** words) {
  if (count != 2) keeper::usage("counts FILE");
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const int fd = open(words[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return 1;
  char line[64];
  const long long ns = static_cast<long long>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  const int length = snprintf(line, sizeof line, "%d %lld\n", static_cast<int>(getpid()), ns);
  // One write: O_APPEND makes it whole, also when several write at once.
  if (!keeper::put(fd, {line, static_cast<std::size_t>(length)})) return 1;
  close(fd);
  keeper::wait_for_ever();
}
