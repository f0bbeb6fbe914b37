// A socket that a node program wants to listen at, opened as libuv opens it, so that what it reports is what
// the program would have got by itself: uv_tcp_bind, uv_pipe_bind, uv_udp_bind.
//
// Passive. Addresses are numeric: node has looked up the names.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "protocol/home/acting_as.hpp"
#include "protocol/home/home.hpp"
#include "protocol/home/sockets.hpp"

namespace keeper {

struct SocketWish {
  enum class Kind { tcp, udp, local };
  Kind kind = Kind::tcp;
  std::string address;  ///< numeric, or the path of a local one; empty: every address, "::" and with it IPv4
  std::uint16_t port = 0;
  bool v6 = false;
  bool only_v6 = false;
  bool reuse_address = false;  ///< of udp
  bool reuse_port = false;     ///< SO_REUSEPORT: others of the same user may have the same
  int backlog = 511;           ///< node's default
  int number = -1;             ///< a descriptor of the program's parent (server.listen({fd}))
  bool operator==(const SocketWish&) const = default;
};

struct ServerSocket {
  Fd fd;
  int error = 0;  ///< errno, where there is none
};

/// Bound and (but udp) listening; non-blocking, close-on-exec. `user`: whose program wishes it. The socket,
/// and its file, is that user's, and what that user may not do is that user's errno (EACCES). A wish
/// for a descriptor's number is EBADF.
ServerSocket open_server_socket(const SocketWish& wish, const ActingUser& user = {});

/// Where a socket of the internet is bound.
struct BoundPort {
  int type = 0;  ///< SOCK_STREAM, SOCK_DGRAM
  SocketPlace place{};
};
/// Nothing for a socket of another family.
std::optional<BoundPort> bound_port(int fd);
/// Whether a socket that is bound there can keep the one that is wished from being opened.
bool is_in_the_way(const BoundPort& bound, const SocketWish& wish);

/// The inode of the file of a socket; 0 where the user finds none there.
std::uint64_t socket_file(const std::string& path, const ActingUser& user);
/// Whether that file is not at the path any more: nobody can connect there. False where it cannot be looked
/// at, and for an inode of 0.
bool socket_file_is_gone(const std::string& path, std::uint64_t inode, const ActingUser& user);
/// Removes the file of a socket, as that user, if it is the one of that inode still.
void remove_socket_file(const std::string& path, std::uint64_t inode, const ActingUser& user);

/// "tcp 0.0.0.0:80", "unix /run/x", for people.
std::string wish_text(const SocketWish& wish);

/// A socket that some process has open, by its inode (/proc/PID/fd, pidfd_getfd(2)): the first such
/// descriptor. Errors: not_found, failed.
Result<Fd> fetch_socket(int pid, int pidfd, std::uint64_t inode);

}  // namespace keeper
