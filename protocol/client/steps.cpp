#include "protocol/client/steps.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "protocol/wire/codec.hpp"

namespace keeper {
namespace {

/// Returns an error that is about the connection and not about the request.
Error turned_away(Error error) {
  if (error.reason != Reason::busy) return error;
  error.reason = Reason::full;
  error.about = "its keeper is well and full: " + error.about +
                ", or end clients that stay ('ctl events', 'ctl wait', scripts)";
  return error;
}

}  // namespace

Done send_some(int socket, std::string_view& unsent, const std::string& doing) {
  while (!unsent.empty()) {
    ssize_t put = send(socket, unsent.data(), unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) return {};
    if (put < 0 && errno == ECONNRESET)
      return Error{Reason::unreachable, doing, "its keeper closed the connection", 0};
    if (put < 0 && errno != EPIPE) return system_error(doing, "its keeper closed the connection");
    unsent.remove_prefix(put < 0 ? unsent.size() : static_cast<std::size_t>(put));
  }
  return {};
}

Done receive_some(int socket, LineBuffer& lines, const std::string& doing) {
  char chunk[16 * 1024];
  ssize_t got = recv(socket, chunk, sizeof chunk, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  if (got <= 0) return Error{Reason::unreachable, doing, "its keeper closed the connection", 0};
  lines.add({chunk, static_cast<std::size_t>(got)});
  return {};
}

std::optional<Result<std::string>> reply_among(LineBuffer& lines, std::uint64_t id,
                                               const std::string& doing) {
  while (auto line = lines.next()) {
    auto reply = decode_reply(*line);
    if (!reply) return Error{reply.error().reason, doing, reply.error().why(), 0};
    if (reply->error && reply->id == id) return from_rpc(*reply->error, doing);
    if (reply->error && !reply->id) return turned_away(from_rpc(*reply->error, doing));
    if (reply->id == id) return std::move(reply->result);
  }
  if (lines.too_long()) return Error{Reason::too_large, doing, "the reply is longer than 4 MiB", 0};
  return std::nullopt;
}

Result<std::string> finish_exchange(int socket, std::string_view unsent, LineBuffer& lines, std::uint64_t id,
                                    const Deadline& deadline, const std::string& doing) {
  while (true) {
    if (Done done = send_some(socket, unsent, doing); !done) return done.error();
    if (Done done = receive_some(socket, lines, doing); !done) return done.error();
    if (auto reply = reply_among(lines, id, doing)) return std::move(*reply);
    pollfd p{socket, static_cast<short>(unsent.empty() ? POLLIN : POLLIN | POLLOUT), 0};
    int ready = poll(&p, 1, deadline.left_for_poll());
    if (ready < 0 && errno != EINTR) return system_error(doing, "poll");
    if (ready <= 0 && deadline.passed())
      return Error{Reason::timeout, doing, "its keeper does not answer", 0};
  }
}

}  // namespace keeper
