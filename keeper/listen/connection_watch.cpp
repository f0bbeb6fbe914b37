#include "keeper/listen/connection_watch.hpp"

#include <poll.h>
#include <sys/epoll.h>

#include <asio/io_context.hpp>

#include "protocol/base/lifetime.hpp"

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
    : poll_(io, poll.get()), on_connection_(std::move(on_connection)) {
  static_cast<void>(poll.release());
  wait();
}

void ConnectionWatch::wait() {
  poll_.async_wait(asio::posix::descriptor_base::wait_read, [this](std::error_code error) {
    if (cancelled(error)) return;
    pollfd there{poll_.native_handle(), POLLIN, 0};
    if (error && ::poll(&there, 1, 0) == 0) return wait();
    auto tell = on_connection_;
    tell();
  });
}

}  // namespace keeper
