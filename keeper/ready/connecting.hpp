// Tries to connect: to a numeric address, or to localhost, which is ::1 and then 127.0.0.1.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <optional>
#include <string>
#include <vector>

#include "keeper/ready/attempt.hpp"
#include "protocol/base/fd.hpp"

namespace keeper {

/// Names the process that answers on a connection if it is a stranger: "pid 812 (nginx)"; empty: it is not.
/// Null: any process counts.
using Stranger = std::function<std::string(int socket)>;

class Connecting : public Attempt {
 public:
  Connecting(asio::io_context& io, const std::string& host, std::uint16_t port, Stranger stranger,
             Ended ended);
  void begin() final { next(); }

 protected:
  /// Called when connected, which is enough for tcp.
  virtual void connected() { end(true); }
  asio::posix::stream_descriptor& socket() { return *socket_; }

 private:
  void next();
  void established();

  asio::io_context& io_;
  std::vector<std::string> addresses_;  ///< not tried yet, in reverse order
  std::uint16_t port_;
  Stranger stranger_;
  std::string answered_;  ///< the stranger at one of the addresses; empty: none
  int error_ = 0;         ///< errno of the last address
  std::optional<asio::posix::stream_descriptor> socket_;
};

/// Returns a non-blocking, close-on-exec socket that is connecting; it is writable once the result is known.
/// Nothing if it failed at once.
Fd begin_connection(const std::string& address, std::uint16_t port);

/// Returns the result as an errno; 0 if there is a connection. A connection to itself does not count: if no
/// process listens on a port of the client range (ip_local_port_range), the kernel may give this socket that
/// very port, and it connects to itself.
int connection_error(int socket);

}  // namespace keeper
