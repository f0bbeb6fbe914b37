// Listens on the keeper's socket and serves JSON lines, within bounds: 64 connections (an idle one is closed
// if another needs its room; the last descriptor is reserved for a command), 1 MiB for a request line, 256
// KiB of replies that a client has not read (then nothing more is read from it), 4 MiB in all each way. A
// client can slow down only itself.
//
// Passive about meaning: decodes a line, passes each request to the Service, and sends the reply when it
// comes.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "keeper/control/service.hpp"
#include "protocol/base/fd.hpp"

namespace keeper {

class Session;

/// The state that all sessions share.
struct Shared {
  asio::io_context& io;
  Service& service;
  std::size_t in = 0;                              ///< bytes of unfinished request lines, all sessions
  std::size_t out = 0;                             ///< bytes of replies not yet taken, all sessions
  std::vector<std::weak_ptr<Session>> for_room{};  ///< sessions that need others to read first
};

class Server {
 public:
  Server(asio::io_context& io, Fd listening, Service& service);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Accepts clients on this socket from now on.
  void listen_at(Fd listening);
  /// Sends what clients take at once of their unsent replies, and closes everything. For the end.
  void close();

 private:
  void wait();
  void accept_one();
  void try_to_admit(Fd socket);
  void admit(Fd socket);
  bool make_room();
  bool put_out_idle();

  Shared shared_;
  asio::posix::stream_descriptor listening_;
  asio::steady_timer again_;  ///< out of descriptors: retries a little later
  Fd reserve_;                ///< released for a client that comes when there are no descriptors left
  std::list<std::shared_ptr<Session>> sessions_;
};

}  // namespace keeper
