// A try to connect: to a numeric address, or to localhost, which is ::1 and then 127.0.0.1.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <optional>
#include <string>
#include <vector>

#include "keeper/ready/attempt.hpp"
#include "protocol/home/home.hpp"

namespace keeper {

/// Who answers on a connection, where that is somebody else than it should be: "pid 812 (nginx)"; empty: it
/// is not. Null: whoever it is.
using Stranger = std::function<std::string(int socket)>;

class Connecting : public Attempt {
 public:
  Connecting(asio::io_context& io, const std::string& host, std::uint16_t port, Stranger stranger,
             Ended ended);
  void begin() final { next(); }

 protected:
  /// There is a connection. A port that takes them is enough for tcp.
  virtual void connected() { end(true); }
  asio::posix::stream_descriptor& socket() { return *socket_; }

 private:
  void next();
  void established();

  asio::io_context& io_;
  std::vector<std::string> addresses_;  ///< still to be tried, the last one first
  std::uint16_t port_;
  Stranger stranger_;
  std::string answered_;  ///< by a stranger, at one of the addresses; empty: nobody
  int error_ = 0;         ///< errno of the last address
  std::optional<asio::posix::stream_descriptor> socket_;
};

/// A non-blocking, close-on-exec socket that is being connected; it can be written to when that is decided.
/// Nothing if it failed at once.
Fd begin_connection(const std::string& address, std::uint16_t port);

/// How that came out, as an errno; 0 if there is a connection. A connection to itself is none: where nobody
/// listens on a port of those that are given to clients (ip_local_port_range), the kernel may give this
/// socket that very port, and it meets itself.
int connection_error(int socket);

}  // namespace keeper
