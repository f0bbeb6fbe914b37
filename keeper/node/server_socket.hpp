// A socket on which a node program wants to listen, opened as libuv opens it, so that errors are those that
// the program itself would get: uv_tcp_bind, uv_pipe_bind, uv_udp_bind.
//
// Passive. Addresses are numeric: node has resolved the names.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "protocol/base/acting_as.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/sockets.hpp"

namespace keeper {

struct SocketWish {
  enum class Kind { tcp, udp, local };
  Kind kind = Kind::tcp;
  std::string address;  ///< numeric, or the path of a local one; empty: every address, "::" with IPv4
  std::uint16_t port = 0;
  bool v6 = false;
  bool only_v6 = false;
  bool reuse_address = false;  ///< of udp
  bool reuse_port = false;     ///< SO_REUSEPORT: others of the same user may bind the same
  int backlog = 511;           ///< node's default
  int number = -1;             ///< a descriptor of the program's parent (server.listen({fd}))
  bool operator==(const SocketWish&) const = default;
};

struct ServerSocket {
  Fd fd;
  int error = 0;  ///< errno if there is none
};

/// Returns a bound and (except udp) listening socket; non-blocking, close-on-exec. `user`: of the requesting
/// program. The socket and its file belong to that user, and what that user may not do is the errno (EACCES).
/// A request for a descriptor's number is EBADF.
ServerSocket open_server_socket(const SocketWish& wish, const ActingUser& user = {});

/// The address to which an internet socket is bound.
struct BoundPort {
  int type = 0;  ///< SOCK_STREAM, SOCK_DGRAM
  SocketPlace place{};
};
/// Returns nothing for a socket of another family.
std::optional<BoundPort> bound_port(int fd);
/// Returns whether a socket that is bound there can prevent opening the requested one.
bool is_in_the_way(const BoundPort& bound, const SocketWish& wish);

/// Returns the inode of a socket's file; 0 if the user finds none there.
std::uint64_t socket_file(const std::string& path, const ActingUser& user);
/// Returns whether that file has left the path, so that clients cannot connect. False if it cannot be seen,
/// and for an inode of 0.
bool socket_file_is_gone(const std::string& path, std::uint64_t inode, const ActingUser& user);
/// Removes the file of a socket, as that user, if it still has that inode.
void remove_socket_file(const std::string& path, std::uint64_t inode, const ActingUser& user);

/// Returns "tcp 0.0.0.0:80", "unix /run/x", for people.
std::string wish_text(const SocketWish& wish);

/// Fetches a socket that a process has open, by its inode (/proc/PID/fd, pidfd_getfd(2)): the first such
/// descriptor. Errors: not_found, failed.
Result<Fd> fetch_socket(int pid, int pidfd, std::uint64_t inode);

}  // namespace keeper
