// Datagrams of UNIX sockets, with their senders (unix(7), SCM_CREDENTIALS).
#pragma once
#include <sys/socket.h>
#include <sys/un.h>

#include <optional>
#include <string_view>

namespace keeper {

/// Makes the kernel add the sender to each datagram from now on. Returns false, with errno, if it does not.
bool pass_credentials(int socket);

struct Datagram {
  ssize_t bytes = -1;           ///< as recv(2) returns it; -1 with errno
  bool cut = false;             ///< the datagram was longer
  bool descriptors = false;     ///< the datagram carries some; none is received
  std::optional<uid_t> sender;  ///< its effective user
  sockaddr_un from{};           ///< the address to answer to
  socklen_t from_size = 0;
};
/// Receives a datagram. `flags` as of recvmsg(2). The kernel drops descriptors that come with it, unless
/// MSG_PEEK leaves them where they are.
Datagram receive_datagram(int socket, char* bytes, std::size_t size, int flags);

/// Sends as sendto(2) does, without waiting and without SIGPIPE.
ssize_t send_datagram(int socket, std::string_view bytes, const sockaddr_un& to, socklen_t to_size);

}  // namespace keeper
