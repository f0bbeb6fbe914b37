// Datagrams of UNIX sockets, with who sent them (unix(7), SCM_CREDENTIALS).
#pragma once
#include <sys/socket.h>
#include <sys/un.h>

#include <optional>
#include <string_view>

namespace keeper {

/// From now on the kernel says of each datagram who sent it. False, with errno: it does not.
bool pass_credentials(int socket);

struct Datagram {
  ssize_t bytes = -1;           ///< as recv(2) gives it; -1 with errno
  bool cut = false;             ///< there were more
  bool descriptors = false;     ///< came beside it; none is received
  std::optional<uid_t> sender;  ///< its effective user
  sockaddr_un from{};           ///< where to answer
  socklen_t from_size = 0;
};
/// `flags` as of recvmsg(2). Descriptors that come with it are dropped by the kernel, unless MSG_PEEK leaves
/// them where they are.
Datagram receive_datagram(int socket, char* bytes, std::size_t size, int flags);

/// As sendto(2), without waiting and without SIGPIPE.
ssize_t send_datagram(int socket, std::string_view bytes, const sockaddr_un& to, socklen_t to_size);

}  // namespace keeper
