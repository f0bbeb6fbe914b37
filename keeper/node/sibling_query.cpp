#include "keeper/node/sibling_query.hpp"

#include <cerrno>
#include <utility>

#include "protocol/base/pass_fd.hpp"
#include "protocol/wire/codec.hpp"

namespace keeper {
namespace {

constexpr std::size_t kMostReplyBytes = 64 * 1024;

}  // namespace

SiblingQuery::SiblingQuery(asio::io_context& io, Fd connection, const std::string& key, Millis patience,
                           OnDone on_done)
    : connection_(io, connection.get()), patience_(io, patience), on_done_(std::move(on_done)) {
  static_cast<void>(connection.release());
  const std::string request = request_line(1, ShareSocket{key}, Last::yes);
  const ssize_t sent = send_beside(connection_.native_handle(), request, -1);
  const bool asked = sent == static_cast<ssize_t>(request.size());
  if (!asked) patience_.expires_after(Millis(0));
  patience_.async_wait(living_.only([this] { finish(std::nullopt, {}); }));
  if (asked) wait();
}

void SiblingQuery::wait() {
  connection_.async_wait(asio::posix::descriptor_base::wait_read, living_.only([this] {
    if (receive()) wait();
  }));
}

/// Returns false if nothing more is awaited.
bool SiblingQuery::receive() {
  char bytes[4096];
  const ssize_t got = receive_beside(connection_.native_handle(), bytes, sizeof bytes, socket_);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  reply_.append(bytes, got > 0 ? static_cast<std::size_t>(got) : 0);
  if (got > 0 && !reply_.ends_with('\n') && reply_.size() <= kMostReplyBytes) return true;
  auto reply = decode_reply(reply_.substr(0, reply_.find('\n')));
  auto shared = reply && !reply->error ? read_as<SharedSocket>(reply->result)
                                       : Result<SharedSocket>(Error{Reason::unreachable, "", "", 0});
  finish(shared ? std::optional(std::move(*shared)) : std::nullopt, std::move(socket_));
  return false;
}

/// The last action: this object may be gone afterwards.
void SiblingQuery::finish(std::optional<SharedSocket> shared, Fd socket) {
  std::error_code ignored;
  living_.renew();
  connection_.close(ignored);
  patience_.cancel();
  if (auto tell = std::exchange(on_done_, nullptr)) tell(std::move(shared), std::move(socket));
}

}  // namespace keeper
