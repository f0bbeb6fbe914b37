#include "keeper/control/server.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "keeper/control/session.hpp"
#include "protocol/base/discard.hpp"
#include "protocol/base/lifetime.hpp"

namespace keeper {
namespace {

constexpr std::size_t kMostSessions = 64;
constexpr int kBacklog = 128;
constexpr auto kRetry = std::chrono::milliseconds(200);

Caller who(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) return {0, ~0u};
  return {credentials.pid, credentials.uid};
}

Fd spare() {
  return Fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

/// Sends one line to a client that is not served; never waits.
void turn_away(Fd socket, const char* why, Reason reason) {
  std::string line = error_text("null", {rpc_code::server, why, reason}) + "\n";
  // A client that does not take the line just sees the end.
  [[maybe_unused]] const ssize_t sent =
      ::send(socket.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  close_for_all(std::move(socket));
}

}  // namespace

Server::Server(asio::io_context& io, Fd listening, Service& service)
    : shared_{io, service}, listening_(io, listening.get()), again_(io), reserve_(spare()) {
  static_cast<void>(listening.release());
  // Clients see as their peer (SO_PEERCRED, unix(7)) the process that called listen(2) last.
  listen(listening_.native_handle(), kBacklog);
  wait();
}

void Server::listen_at(Fd listening) {
  std::error_code ignored;
  listening_.close(ignored);
  listening_.assign(listening.get());
  static_cast<void>(listening.release());
  listen(listening_.native_handle(), kBacklog);
  wait();
}

Server::~Server() {
  while (!sessions_.empty()) {
    auto session = sessions_.front();
    session->end();  // removes it from the list
  }
}

void Server::wait() {
  listening_.async_wait(asio::posix::descriptor_base::wait_read, [this](std::error_code error) {
    if (!cancelled(error)) accept_one();
  });
}

/// Out of descriptors: the waiting client gets the reserved one; the next client gets it when that client has
/// gone or is idle. A command must get through, and must be carried out with it: its look-ups may need the
/// descriptor first, and are then tried again.
bool Server::make_room() {
  if (!reserve_ && !put_out_idle()) return false;
  reserve_.reset();
  Fd socket(accept4(listening_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  const bool did = static_cast<bool>(socket);
  if (did) try_to_admit(std::move(socket));
  if (!reserve_) reserve_ = spare();
  return did;
}

/// Accepts one connection per loop iteration, to keep the loop fair.
void Server::accept_one() {
  int fd = accept4(listening_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  int why = errno;
  if (fd >= 0) try_to_admit(Fd(fd));
  bool out_of_descriptors = fd < 0 && (why == EMFILE || why == ENFILE);
  bool passing = why == EAGAIN || why == EINTR || why == ECONNABORTED;
  if (fd >= 0 || passing || (out_of_descriptors && make_room())) {
    if (listening_.is_open()) wait();  // a request may have been the last one
    return;
  }
  again_.expires_after(kRetry);
  again_.async_wait([this](std::error_code error) {
    if (!error) accept_one();
  });
}

/// No memory, no room in epoll: this client is dropped, and the next one is served.
void Server::try_to_admit(Fd socket) {
  try {
    admit(std::move(socket));
  } catch (const std::exception&) {
    return;
  }
}

void Server::admit(Fd socket) {
  Caller caller = who(socket.get());
  if (caller.uid != 0 && caller.uid != geteuid()) {
    turn_away(std::move(socket), "only the keeper's own user and root are served", Reason::refused);
    return shared_.service.refused(caller);
  }
  if (sessions_.size() >= kMostSessions && !put_out_idle())
    return turn_away(std::move(socket), "64 connections are open already; try again later", Reason::busy);
  auto session = std::make_shared<Session>(shared_, std::move(socket), caller);
  auto place = sessions_.insert(sessions_.end(), session);
  session->start([this, place] {
    sessions_.erase(place);
    if (!reserve_) reserve_ = spare();
  });
}

/// Ends the connection that has been waited for longest: one without a request, else one that does not read
/// its replies. A client that waits for a reply or has a stream stays.
bool Server::put_out_idle() {
  for (const bool reads : {true, false}) {
    const auto idle = std::find_if(sessions_.begin(), sessions_.end(),
                                   [&](const auto& session) { return session->is_idle(reads); });
    if (idle == sessions_.end()) continue;
    const auto session = *idle;
    session->send(
        error_text("null", {rpc_code::server, "others needed the room; connect again", Reason::busy}));
    session->end();  // removes it from the list
    return true;
  }
  return false;
}

void Server::close() {
  std::error_code ignored;
  listening_.close(ignored);
  while (!sessions_.empty()) {
    auto session = sessions_.front();
    session->finish();
    session->end();
  }
}

}  // namespace keeper
