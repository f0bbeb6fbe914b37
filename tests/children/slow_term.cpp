// slow_term MS    says "ready"; at TERM it takes MS, says "bye" and exits 0. Another TERM does not hurry it.
#include <signal.h>

#include "tests/children/tiny.hpp"

int main(int count, char** words) {
  constexpr std::string_view text = "slow_term MS";
  if (count != 2) keeper::usage(text);
  const long ms = keeper::number(words[1], text);
  // Blocked before "ready" is said: a TERM that follows at once is not lost, and does not end it.
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, nullptr);
  keeper::say("ready\n");
  while (sigwaitinfo(&term, nullptr) < 0 && errno == EINTR) {
  }
  keeper::sleep_ms(ms);
  keeper::say("bye\n");
  return 0;
}
