#include "keeper/ready/connecting.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <asio/io_context.hpp>
#include <cerrno>
#include <cstring>

namespace keeper {
namespace {

using std::string;

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
};

/// Returns size 0 for text that is not a numeric address.
Address address_of(const string& text, std::uint16_t port) {
  Address out;
  sockaddr_in four{};
  sockaddr_in6 six{};
  four.sin_family = AF_INET;
  six.sin6_family = AF_INET6;
  four.sin_port = six.sin6_port = htons(port);
  if (inet_pton(AF_INET, text.c_str(), &four.sin_addr) == 1) {
    std::memcpy(&out.bytes, &four, out.size = sizeof four);
  } else if (inet_pton(AF_INET6, text.c_str(), &six.sin6_addr) == 1) {
    std::memcpy(&out.bytes, &six, out.size = sizeof six);
  }
  return out;
}

std::vector<string> addresses(const string& host) {
  if (host == "localhost") return {"127.0.0.1", "::1"};
  return {host};
}

}  // namespace

Fd begin_connection(const string& address, std::uint16_t port) {
  Address to = address_of(address, port);
  if (to.size == 0) return {};
  Fd socket(::socket(to.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return {};
  if (connect(socket.get(), to.get(), to.size) < 0 && errno != EINPROGRESS) return {};
  return socket;
}

int connection_error(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return errno;
  if (error != 0) return error;
  Address here, there;
  here.size = there.size = sizeof(sockaddr_storage);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&here.bytes), &here.size) < 0) return errno;
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&there.bytes), &there.size) < 0) return errno;
  bool itself = here.size == there.size && std::memcmp(&here.bytes, &there.bytes, here.size) == 0;
  return itself ? ECONNREFUSED : 0;
}

Connecting::Connecting(asio::io_context& io, const string& host, std::uint16_t port, Stranger stranger,
                       Ended ended)
    : Attempt(std::move(ended)),
      io_(io),
      addresses_(addresses(host)),
      port_(port),
      stranger_(std::move(stranger)) {}

void Connecting::next() {
  while (!addresses_.empty()) {
    Fd fd = begin_connection(addresses_.back(), port_);
    error_ = fd ? 0 : errno;
    addresses_.pop_back();
    if (!fd) continue;
    socket_.emplace(io_, fd.get());
    static_cast<void>(fd.release());
    return socket_->async_wait(asio::posix::descriptor_base::wait_write,
                               living_.only([this] { established(); }));
  }
  if (!answered_.empty()) return end(false, "is not its own: " + answered_ + " answers there");
  if (error_ == ECONNREFUSED) return end(false, "refused the connection");
  end(false, string("cannot be reached: ") + strerror(error_));
}

void Connecting::established() {
  error_ = connection_error(socket_->native_handle());
  const string stranger = error_ == 0 && stranger_ ? stranger_(socket_->native_handle()) : "";
  if (error_ == 0 && stranger.empty()) return connected();
  if (!stranger.empty()) answered_ = stranger;
  next();
}

}  // namespace keeper
