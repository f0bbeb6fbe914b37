#include "protocol/client/client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "protocol/home/clock.hpp"

namespace keeper {
namespace {

Error gone(const std::string& doing) {
  return {Reason::unreachable, doing, "its keeper closed the connection", 0};
}

}  // namespace

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
  auto wait_for = [&](short events) -> Done {
    while (true) {
      pollfd p{socket_.get(), events, 0};
      int ready = poll(&p, 1, deadline.left_for_poll());
      if (ready > 0) return {};
      if (ready < 0 && errno != EINTR) return system_error(doing, "poll");
      if (deadline.passed()) return Error{Reason::timeout, doing, "its keeper does not answer", 0};
    }
  };
  for (std::string_view rest = line; !rest.empty();) {
    ssize_t put = send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && errno != EAGAIN && errno != EINTR) return gone(doing);
    if (put < 0) {
      if (Done done = wait_for(POLLOUT); !done) return done.error();
      continue;
    }
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  while (true) {
    while (auto text = lines_.next()) {
      auto reply = decode_reply(*text);
      if (!reply) return Error{reply.error().reason, doing, reply.error().why(), 0};
      // An error without an id is for the connection as a whole: too many clients, another user.
      if (reply->error && (!reply->id || *reply->id == id_)) return from_rpc(*reply->error, doing);
      if (reply->id && *reply->id == id_) return std::move(reply->result);
    }
    if (lines_.too_long()) return Error{Reason::too_large, doing, "the reply is longer than 4 MiB", 0};
    if (Done done = wait_for(POLLIN); !done) return done.error();
    char chunk[16 * 1024];
    ssize_t got = recv(socket_.get(), chunk, sizeof chunk, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return gone(doing);
    if (got > 0) lines_.add({chunk, static_cast<std::size_t>(got)});
  }
}

}  // namespace keeper
