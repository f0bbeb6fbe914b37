// Discards descriptors that a peer sends and that this process does not want.
//
// The last close of a descriptor may wait for as long as its sender likes: a TCP socket with SO_LINGER and
// unsent data (socket(7)), a file of a file system whose server is the sender (fuse(4)). That holds for a
// received descriptor, and for one that the kernel drops because the receiver did not ask for it. A process
// that exits is exempt from the first, and delays only itself. So a child takes messages with descriptors out
// of their socket and exits with them; this process never has a copy.
#pragma once
#include <sys/types.h>

#include <cstddef>
#include <optional>

#include "protocol/base/fd.hpp"

namespace keeper {

/// Receives as recv(2) does, without waiting, from a UNIX stream socket that asks for no credentials.
/// Discards bytes that come with descriptors: -1 and EPROTO.
ssize_t receive_bytes_alone(int socket, char* bytes, std::size_t size);

/// Takes `bytes` bytes out of a UNIX socket (1 byte is the next message if the socket keeps messages apart),
/// and discards them with their descriptors. Takes less than 0.1 ms, and at most 1 ms more for each
/// descriptor above the hard limit (RLIMIT_NOFILE). Afterwards this process has a child to reap (SIGCHLD), in
/// its own session. Returns the number of bytes taken: fewer if no more were there. Nothing, with errno, if
/// no child can be made; then the bytes are still there.
std::optional<std::size_t> discard_by_child(int socket, std::size_t bytes);

/// Closes a UNIX stream socket that no process will use any more. Discards unread data of the peer first.
void close_for_all(Fd socket);

}  // namespace keeper
