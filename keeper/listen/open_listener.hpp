// Opens a socket that listens. Passive: a socket and its address, nothing that waits.
#pragma once
#include "protocol/home/file_place.hpp"
#include "protocol/wire/listen_address.hpp"

namespace keeper {

struct ListenOptions {
  int backlog = 4096;       ///< clients that wait while nobody accepts; the kernel caps it (somaxconn)
  bool v6_only = false;     ///< an IPv6 address takes no IPv4 clients
  bool reuse_port = false;  ///< others may listen there too, if they say so as well (SO_REUSEPORT)
  const ActingUser* user = nullptr;  ///< whose rights count at a path (file_place.hpp); null: nobody else's
};

/// A listening socket, close-on-exec and blocking. A port of 0 is one that is free. A path that nobody
/// listens at any more, but whose file was left, is taken. Errors, with the errno: EADDRINUSE, EACCES and
/// others of bind(2).
Result<Fd> open_listener(const ListenAddress& address, const ListenOptions& options = {});

/// Whether this is a socket that listens at that address.
bool listens_at(int socket, const ListenAddress& address);

/// The inode of a socket (/proc/PID/fd names it so); 0 for what is none.
std::uint64_t socket_inode(int socket);

}  // namespace keeper
