// Listens on the keeper's socket and serves JSON lines, within bounds: 64 connections (an idle one is put out
// where another needs its room; the last descriptor is kept for one that gives an order), 1 MiB for a request
// line, 256 KiB of replies that a client has not read (then nothing more is read from it), 4 MiB in all each
// way. A client can slow down nobody but itself.
//
// Passive about meaning: decodes a line, hands each request to the Service, puts the answer on the wire when
// it comes.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "keeper/control/service.hpp"
#include "protocol/home/home.hpp"

namespace keeper {

class Session;

/// What all sessions share.
struct Shared {
  asio::io_context& io;
  Service& service;
  std::size_t in = 0;                              ///< bytes of unfinished request lines, all sessions
  std::size_t out = 0;                             ///< bytes of replies not yet taken, all sessions
  std::vector<std::weak_ptr<Session>> for_room{};  ///< who can go on only when another has taken something
};

class Server {
 public:
  Server(asio::io_context& io, Fd listening, Service& service);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// From now on clients come to this one.
  void listen_at(Fd listening);
  /// Puts out what clients have not been sent yet as far as they take it at once, and closes everything. For
  /// the end.
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
  asio::steady_timer again_;  ///< out of descriptors: tries again a little later
  Fd reserve_;                ///< given up for a client that comes when there are no descriptors left
  std::list<std::shared_ptr<Session>> sessions_;
};

}  // namespace keeper
