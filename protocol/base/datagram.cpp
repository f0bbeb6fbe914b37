#include "protocol/base/datagram.hpp"

#include <cstring>

namespace keeper {

bool pass_credentials(int socket) {
  const int on = 1;
  return setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0;
}

Datagram receive_datagram(int socket, char* bytes, std::size_t size, int flags) {
  Datagram out;
  alignas(cmsghdr) char beside[CMSG_SPACE(sizeof(ucred))];
  iovec piece{bytes, size};
  msghdr header{};
  header.msg_name = &out.from;
  header.msg_namelen = sizeof out.from;
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = beside;
  header.msg_controllen = sizeof beside;
  out.bytes = recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
  if (out.bytes < 0) return out;
  out.cut = (header.msg_flags & MSG_TRUNC) != 0;
  out.descriptors = (header.msg_flags & MSG_CTRUNC) != 0;
  out.from_size = header.msg_namelen;
  const cmsghdr* part = CMSG_FIRSTHDR(&header);
  if (part != nullptr && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_CREDENTIALS) {
    ucred credentials{};
    std::memcpy(&credentials, CMSG_DATA(part), sizeof credentials);
    out.sender = credentials.uid;
  }
  return out;
}

ssize_t send_datagram(int socket, std::string_view bytes, const sockaddr_un& to, socklen_t to_size) {
  return sendto(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                reinterpret_cast<const sockaddr*>(&to), to_size);
}

}  // namespace keeper
