#include "protocol/client/client.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "protocol/home/clock.hpp"

namespace keeper {
Deadline::Deadline(Millis wait) : never_(wait.count() < 0), at_(steady_now() + wait) {}

bool Deadline::passed() const {
  return !never_ && steady_now() >= at_;
}

Millis Deadline::left() const {
  return never_ ? Millis(-1) : std::max(Millis(0), at_ - steady_now());
}

int Deadline::left_for_poll() const {
  return static_cast<int>(std::min<std::int64_t>(left().count(), INT_MAX));
}

Result<Client> Client::connect(const Home& home, const std::string& stem) {
  auto socket = home.connect_socket(stem);
  if (!socket) return socket.error();
  return Client(std::move(*socket));
}

Result<std::string> Client::exchange(const std::string& line, Millis wait, const std::string& doing) {
  Deadline deadline(wait);
  std::string_view unsent = line;
  while (true) {
    if (Done done = send_some(socket_.get(), unsent, doing); !done) return done.error();
    if (auto reply = reply_among(lines_, id_, doing)) return std::move(*reply);
    pollfd p{socket_.get(), static_cast<short>(unsent.empty() ? POLLIN : POLLIN | POLLOUT), 0};
    int ready = poll(&p, 1, deadline.left_for_poll());
    if (ready < 0 && errno != EINTR) return system_error(doing, "poll");
    if (ready <= 0 && deadline.passed())
      return Error{Reason::timeout, doing, "its keeper does not answer", 0};
    if (ready > 0 && (p.revents & ~POLLOUT) != 0)
      if (Done done = receive_some(socket_.get(), lines_, doing); !done) return done.error();
  }
}

}  // namespace keeper
