// The socket of $NOTIFY_SOCKET (sd_notify(3)): receives messages, and reports each with its sender. Passive:
// its caller decides whether a sender is trusted.
//
// It is in the abstract namespace (unix(7)): no file that a program of another user could not reach, and none
// left behind. Its name cannot be guessed but is no secret (/proc/net/unix), so any process in the network
// namespace may write to it: only the sender that the kernel names counts. Descriptors that come with a
// message are never received here (protocol/base/discard.hpp).
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <string>

#include "keeper/ready/notify_message.hpp"
#include "keeper/ready/sender.hpp"
#include "protocol/base/lifetime.hpp"

namespace keeper {

struct Notification {
  Sender sender;
  /// With `barrier` (BARRIER=1 and a descriptor beside it) the sender waits until that descriptor is closed
  /// (sd_notify_barrier(3)). This process closes it after it has acted on the message: all earlier messages
  /// must be recorded by then.
  NotifyMessage message;
};

/// Makes a bound socket: close-on-exec, non-blocking, receiving credentials. Under that name (in the form of
/// NOTIFY_SOCKET), which a program knows from an earlier keeper; without a name, or if it is taken, under a
/// new one. Errors: failed.
Result<Fd> make_notify_socket(const std::string& name = "");

class NotifySocket {
 public:
  using OnMessage = std::function<void(Notification)>;

  /// Takes over a socket of make_notify_socket, made here or before an exec. Calls `on_message` from the loop
  /// and from drain(), once per datagram with any known line, in the order of sending.
  NotifySocket(asio::io_context& io, Fd socket, OnMessage on_message);

  /// The value for NOTIFY_SOCKET: "@..." for the abstract namespace.
  const std::string& environment() const { return environment_; }
  int descriptor() { return socket_.native_handle(); }
  /// Reads what is available, 64 datagrams at most; returns false if more may be waiting.
  bool drain();
  /// Datagrams that were not messages: over 4096 bytes, with a NUL, without credentials.
  std::uint64_t ignored() const { return ignored_; }

 private:
  void wait();
  bool receive();
  bool take(bool descriptors);

  asio::posix::stream_descriptor socket_;
  asio::steady_timer pause_;
  bool stuck_ = false;  ///< the next message was acted on, and could not be taken
  OnMessage on_message_;
  std::string environment_;
  std::uint64_t ignored_ = 0;
  bool handling_ = false;
  Living living_;
};

}  // namespace keeper
