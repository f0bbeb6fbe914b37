// Waits until a client connects to one of several sockets, and reports that once. Uses an epoll(7) of its
// own: the sockets' flags, which they share with the program, stay as they are.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "protocol/base/fd.hpp"
#include "protocol/base/result.hpp"

namespace keeper {

class ConnectionWatch {
 public:
  /// Errors: failed (no descriptors).
  static Result<std::unique_ptr<ConnectionWatch>> make(asio::io_context& io, const std::vector<int>& sockets,
                                                       std::function<void()> on_connection);
  ConnectionWatch(asio::io_context& io, Fd poll, std::function<void()> on_connection);

 private:
  void wait();

  asio::posix::stream_descriptor poll_;
  std::function<void()> on_connection_;
};

}  // namespace keeper
