// Questions without a connection: a datagram with one request `status` is answered by a datagram with its
// reply. A list of many apps costs a third of as many connections. Other requests, replies that do not fit,
// and clients that take nothing get no reply; such a client connects.
#pragma once
#include <asio/posix/stream_descriptor.hpp>

#include "keeper/control/service.hpp"

namespace keeper {

class AskSocket {
 public:
  AskSocket(asio::io_context& io, Fd socket, Service& service);

 private:
  void wait();
  void answer_one();

  asio::posix::stream_descriptor socket_;
  Service& service_;
};

}  // namespace keeper
