// What the small programs to supervise have in common. They talk by write(2) alone: nothing is buffered, so
// what a program said before it died is there, and a fork never says it twice.
#pragma once
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace keeper {

/// Everything, or false (errno).
inline bool put(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

inline void say(std::string_view bytes) {
  put(STDOUT_FILENO, bytes);
}

/// "WORD PID\n" in one write, so that lines of several processes never mix.
inline void say_pid(const char* word, pid_t pid) {
  char line[64];
  const int length = snprintf(line, sizeof line, "%s %d\n", word, static_cast<int>(pid));
  say({line, static_cast<std::size_t>(length)});
}

[[noreturn]] inline void usage(std::string_view text) {
  put(STDERR_FILENO, "usage: ");
  put(STDERR_FILENO, text);
  put(STDERR_FILENO, "\n");
  _exit(2);
}

/// A whole number that is not negative; anything else ends the program with `text` as its usage.
inline long number(const char* word, std::string_view text) {
  char* end = nullptr;
  const long value = strtol(word, &end, 10);
  if (end == word || *end != '\0' || value < 0) usage(text);
  return value;
}

/// A handler that returns does not shorten it.
inline void sleep_ms(long ms) {
  timespec left{ms / 1000, (ms % 1000) * 1'000'000};
  while (nanosleep(&left, &left) < 0 && errno == EINTR) {
  }
}

[[noreturn]] inline void wait_for_ever() {
  for (;;)
    pause();
}

}  // namespace keeper
