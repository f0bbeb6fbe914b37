// The socket of $NOTIFY_SOCKET (sd_notify(3)): takes messages, and reports each with its sender. Passive:
// whether a sender is to be believed is for others to decide.
//
// It is in the abstract namespace (unix(7)): nothing in the file system that a program running as another
// user could not reach, nothing left behind. Its name cannot be guessed but is no secret (/proc/net/unix),
// so anybody in the network namespace may write to it: what counts is the sender that the kernel names.
// Descriptors that come with a message are never received here (protocol/home/discard.hpp).
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <string>

#include "keeper/ready/notify_message.hpp"
#include "keeper/ready/sender.hpp"
#include "protocol/wire/living.hpp"

namespace keeper {

struct Notification {
  Sender sender;
  /// With `barrier` (BARRIER=1 and a descriptor beside it) the sender waits until that descriptor is closed
  /// (sd_notify_barrier(3)). This process closes it after it has acted on the message: all earlier messages
  /// are to be recorded by then.
  NotifyMessage message;
};

/// A bound socket: close-on-exec, non-blocking, asking for credentials. Under that name (as NOTIFY_SOCKET has
/// it), which a program knows from an earlier keeper; where there is none, or it is taken, under a new one.
/// Errors: failed.
Result<Fd> make_notify_socket(const std::string& name = "");

class NotifySocket {
 public:
  using OnMessage = std::function<void(Notification)>;

  /// Takes over a socket that make_notify_socket made, here or before an exec. `on_message` is called from
  /// the loop and from drain(), once per datagram that says anything known, in the order of their sending.
  NotifySocket(asio::io_context& io, Fd socket, OnMessage on_message);

  /// The value for NOTIFY_SOCKET: "@..." for the abstract namespace.
  const std::string& environment() const { return environment_; }
  int descriptor() { return socket_.native_handle(); }
  /// Reads what is there now, 64 datagrams at most; false if more may be waiting.
  bool drain();
  /// Datagrams that were no messages: over 4096 bytes, with a NUL, without credentials.
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
