// Descriptors that go to another process beside the bytes of a UNIX socket (unix(7), SCM_RIGHTS).
#pragma once
#include <sys/types.h>

#include <string_view>

#include "protocol/home/home.hpp"

namespace keeper {

/// As send(2), without waiting and without SIGPIPE; `fd` goes with the first of the bytes. -1: none.
ssize_t send_beside(int socket, std::string_view bytes, int fd);
/// As recv(2), without waiting; a descriptor that came with them is put into `fd`, close-on-exec. Further
/// ones are closed.
ssize_t receive_beside(int socket, char* bytes, std::size_t size, Fd& fd);

}  // namespace keeper
