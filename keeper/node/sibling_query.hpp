// Asks the keeper of another instance whether it has a wanted listening socket.
//
// Passive: the caller makes the connection. Never blocks: a sibling that does not answer is given up at its
// timeout.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <optional>
#include <string>

#include "protocol/base/fd.hpp"
#include "protocol/base/lifetime.hpp"
#include "protocol/wire/messages.hpp"

namespace keeper {

class SiblingQuery {
 public:
  /// `shared`: the sibling's reply; nothing if it did not come in time. `socket`: came beside it.
  using OnDone = std::function<void(std::optional<SharedSocket> shared, Fd socket)>;

  /// Asks for the socket of that key over a connected, non-blocking socket. Calls `on_done` once, from the
  /// loop.
  SiblingQuery(asio::io_context& io, Fd connection, const std::string& key, Millis patience, OnDone on_done);
  SiblingQuery(const SiblingQuery&) = delete;
  SiblingQuery& operator=(const SiblingQuery&) = delete;

 private:
  void wait();
  bool receive();
  void finish(std::optional<SharedSocket> shared, Fd socket);

  asio::posix::stream_descriptor connection_;
  asio::steady_timer patience_;
  OnDone on_done_;
  std::string reply_;
  Fd socket_;
  Living living_;
};

}  // namespace keeper
