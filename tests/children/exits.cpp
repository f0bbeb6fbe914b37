// exits CODE [MS]        waits MS, then exits with CODE
// exits sig NAME [MS]    waits MS, then ends by that signal (TERM, SIGSEGV, 9)
#include <signal.h>

#include <cstring>

#include "tests/children/tiny.hpp"

namespace {

constexpr std::string_view kUsage = "exits CODE [MS] | exits sig NAME [MS]";

int signal_of(const char* name) {
  if (strncmp(name, "SIG", 3) == 0) name += 3;
  for (int signal = 1; signal < NSIG; ++signal) {
    const char* known = sigabbrev_np(signal);
    if (known && strcmp(known, name) == 0) return signal;
  }
  return static_cast<int>(keeper::number(name, kUsage));
}

// A sanitizer answers SEGV and its like with a report and exit code 1, and a signal may have been inherited
// as ignored or blocked: neither is what the caller asked for.
int end_by(int signal) {
  ::signal(signal, SIG_DFL);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, signal);
  sigprocmask(SIG_UNBLOCK, &only, nullptr);
  kill(getpid(), signal);
  keeper::put(STDERR_FILENO, "exits: that signal ends no process\n");
  return 2;
}

}  // namespace

int main(int count, char** words) {
  const bool by_signal = count > 1 && strcmp(words[1], "sig") == 0;
  const int first = by_signal ? 2 : 1;
  if (count <= first || count > first + 2) keeper::usage(kUsage);
  const int value =
      by_signal ? signal_of(words[first]) : static_cast<int>(keeper::number(words[first], kUsage));
  if (count == first + 2) keeper::sleep_ms(keeper::number(words[first + 1], kUsage));
  return by_signal ? end_by(value) : value;
}
