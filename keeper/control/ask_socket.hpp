// Questions that need no connection: a datagram with one request `status` is answered by a datagram with its
// reply. A list of many apps asks so, at a third of what as many connections cost. Whatever cannot be
// answered so (another request, a reply that does not fit, an asker who takes nothing) is not: who gets no
// answer connects.
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
