// Somebody who writes to a NOTIFY_SOCKET, as sd_notify(3) does.
#pragma once
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <vector>

#include "tests/edges/support/place.hpp"

namespace keeper {

class Notifier {
 public:
  explicit Notifier(const std::string& environment) {
    address_.sun_family = AF_UNIX;
    std::memcpy(address_.sun_path + 1, environment.data() + 1, environment.size() - 1);
    size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + environment.size());
  }

  /// What sendmsg(2) says: without waiting, unless it is told to.
  bool send(std::string_view text, const std::vector<int>& fds = {}, int flags = MSG_DONTWAIT) const {
    iovec piece{const_cast<char*>(text.data()), text.size()};
    std::vector<char> beside(CMSG_SPACE(fds.size() * sizeof(int)));
    msghdr header{};
    header.msg_name = const_cast<sockaddr_un*>(&address_);
    header.msg_namelen = size_;
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    if (!fds.empty()) put(fds, header, beside);
    return sendmsg(socket_.get(), &header, MSG_NOSIGNAL | flags) >= 0;
  }

 private:
  static void put(const std::vector<int>& fds, msghdr& header, std::vector<char>& beside) {
    header.msg_control = beside.data();
    header.msg_controllen = beside.size();
    cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(part), fds.data(), fds.size() * sizeof(int));
  }
  Fd socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address_{};
  socklen_t size_ = 0;
};

}  // namespace keeper
