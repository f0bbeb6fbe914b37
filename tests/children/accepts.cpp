// accepts     answers each connection at the socket that it was given (sd_listen_fds(3)) with "c PID\n", one
// after the
//             other, as a small server in C does; at SIGTERM it finishes the one that it has, and ends
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "tests/children/tiny.hpp"

namespace {

constexpr int kFirst = 3;

void answer(int client) {
  char line[64];
  if (read(client, line, sizeof line) <= 0) return;
  keeper::sleep_ms(1);  // in flight for a while
  const int length = snprintf(line, sizeof line, "c %d\n", static_cast<int>(getpid()));
  keeper::put(client, {line, static_cast<std::size_t>(length)});
}

}  // namespace

int main() {
  const char* count = getenv("LISTEN_FDS");
  const char* pid = getenv("LISTEN_PID");
  if (count == nullptr || pid == nullptr || atoi(count) != 1 || atoi(pid) != getpid()) return 1;
  signal(SIGPIPE, SIG_IGN);
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, nullptr);
  const int told = signalfd(-1, &term, SFD_CLOEXEC);
  fcntl(kFirst, F_SETFL, O_NONBLOCK);  // another run may take what both were told of
  keeper::say("serves\n");
  for (;;) {
    pollfd both[] = {{told, POLLIN, 0}, {kFirst, POLLIN, 0}};
    if (poll(both, 2, -1) < 0) return 1;
    if (both[0].revents != 0) break;
    const int client = accept4(kFirst, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    answer(client);
    close(client);
  }
  return 0;
}
