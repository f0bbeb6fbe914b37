#include "protocol/base/pass_fd.hpp"

#include <sys/socket.h>

#include <cstring>

namespace keeper {

ssize_t send_beside(int socket, std::string_view bytes, int fd) {
  alignas(cmsghdr) char beside[CMSG_SPACE(sizeof fd)] = {};
  iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  if (fd >= 0) {
    header.msg_control = beside;
    header.msg_controllen = sizeof beside;
    cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(part), &fd, sizeof fd);
  }
  return sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ssize_t receive_beside(int socket, char* bytes, std::size_t size, Fd& fd) {
  alignas(cmsghdr) char beside[CMSG_SPACE(sizeof(int))] = {};
  iovec piece{bytes, size};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = beside;
  header.msg_controllen = sizeof beside;
  const ssize_t got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0) return got;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    int number = -1;
    std::memcpy(&number, CMSG_DATA(part), sizeof number);
    fd = Fd(number);
  }
  return got;
}

}  // namespace keeper
