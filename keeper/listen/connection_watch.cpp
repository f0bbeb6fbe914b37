#include "keeper/listen/connection_watch.hpp"

#include <sys/epoll.h>

#include <asio/io_context.hpp>

namespace keeper {

Result<std::unique_ptr<ConnectionWatch>> ConnectionWatch::make(asio::io_context& io,
                                                               const std::vector<int>& sockets,
                                                               std::function<void()> on_connection) {
  const std::string doing = "wait for a connection";
  Fd poll(epoll_create1(EPOLL_CLOEXEC));
  if (!poll) return system_error(doing);
  for (int socket : sockets) {
    epoll_event wanted{EPOLLIN, {}};
    if (epoll_ctl(poll.get(), EPOLL_CTL_ADD, socket, &wanted) < 0) return system_error(doing);
  }
  return std::make_unique<ConnectionWatch>(io, std::move(poll), std::move(on_connection));
}

ConnectionWatch::ConnectionWatch(asio::io_context& io, Fd poll, std::function<void()> on_connection)
    : poll_(io, poll.release()), on_connection_(std::move(on_connection)) {
  poll_.async_wait(asio::posix::descriptor_base::wait_read, [this](std::error_code error) {
    if (error) return;
    auto tell = on_connection_;
    tell();
  });
}

}  // namespace keeper
