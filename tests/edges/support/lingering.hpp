// A descriptor whose last close waits for twenty seconds: a TCP socket with SO_LINGER, and data that nobody
// takes.
#pragma once
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "protocol/base/fd.hpp"

namespace keeper {

struct Lingering {
  Fd listening{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  Fd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  Fd peer;

  Lingering() {
    const int small = 4096;
    setsockopt(listening.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    auto* address = reinterpret_cast<sockaddr*>(&where);
    if (bind(listening.get(), address, size) < 0 || listen(listening.get(), 1) < 0 ||
        getsockname(listening.get(), address, &size) < 0 || connect(socket.get(), address, size) < 0)
      return;
    peer = Fd(accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const char bytes[64 * 1024] = {};
    while (send(socket.get(), bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
    const linger twenty_seconds{1, 20};
    setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &twenty_seconds, sizeof twenty_seconds);
  }
};

}  // namespace keeper
