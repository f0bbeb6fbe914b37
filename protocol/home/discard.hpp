// Descriptors that a peer sends and that nobody here wants.
//
// The last close of a descriptor may wait for as long as its sender likes: a TCP socket with SO_LINGER and
// unsent data (socket(7)), a file of a file system whose server is the sender (fuse(4)). That holds for one
// that was received, and also for one that the kernel drops because nobody asked for it. A process that exits
// is exempt from the first, and keeps nobody but itself waiting. So what carries descriptors is taken out of
// its socket by a child that exits with them; this process never has a copy.
#pragma once
#include <sys/types.h>

#include <cstddef>
#include <optional>

#include "protocol/home/home.hpp"

namespace keeper {

/// As recv(2), without waiting, of a UNIX stream socket that asks for no credentials. Bytes that descriptors
/// come with are discarded: -1 and EPROTO.
ssize_t receive_bytes_alone(int socket, char* bytes, std::size_t size);

/// Takes `bytes` bytes out of a UNIX socket (of one that keeps messages apart 1 byte is the next message),
/// and discards them with what comes beside them. Takes less than 0.1 ms, and at most 1 ms more for each
/// descriptor above the hard limit (RLIMIT_NOFILE). Afterwards this process has a child to reap (SIGCHLD), in
/// its own session. How many bytes were taken: fewer if no more were there. Nothing, with errno, if there can
/// be no child; then they are still there.
std::optional<std::size_t> discard_by_child(int socket, std::size_t bytes);

/// Closes a UNIX stream socket that nobody is to use any more, in whatever process: what its peer has sent
/// and nobody has read goes first.
void close_for_all(Fd socket);

}  // namespace keeper
