// Passes descriptors to another process beside the bytes of a UNIX socket (unix(7), SCM_RIGHTS).
#pragma once
#include <sys/types.h>

#include <string_view>

#include "protocol/base/fd.hpp"

namespace keeper {

/// Sends as send(2) does, without waiting and without SIGPIPE; `fd` goes with the first byte. -1: none.
ssize_t send_beside(int socket, std::string_view bytes, int fd);
/// Receives as recv(2) does, without waiting; puts a descriptor that came along into `fd`, close-on-exec, and
/// closes further ones.
ssize_t receive_beside(int socket, char* bytes, std::size_t size, Fd& fd);

}  // namespace keeper
