#include "keeper/listen/open_listener.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace keeper {
namespace {

using std::string;

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&bytes); }
  int family() const { return bytes.ss_family; }
};

template <class T>
Address as_address(const T& address, std::size_t size = sizeof(T)) {
  Address out;
  std::memcpy(&out.bytes, &address, size);
  out.size = static_cast<socklen_t>(size);
  return out;
}

bool has_ipv6() {
  Fd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  return socket && bind(socket.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) == 0;
}

Address local_address(const string& path) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  path.copy(out.sun_path, sizeof out.sun_path - 1);
  const bool abstract = path.starts_with('@');
  if (abstract) out.sun_path[0] = 0;
  return as_address(out, offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
}

/// All addresses: one socket for IPv6 and IPv4, if there is IPv6.
Address tcp_address(const ListenAddress& at) {
  const auto port = htons(static_cast<std::uint16_t>(at.port));
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = port;
  if (inet_pton(AF_INET, at.host.c_str(), &four.sin_addr) == 1) return as_address(four);
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = port;
  if (at.host.empty() && !has_ipv6()) return as_address(four);
  if (!at.host.empty() && inet_pton(AF_INET6, at.host.c_str(), &six.sin6_addr) != 1) return {};
  return as_address(six);
}

Address address_of(const ListenAddress& at) {
  return at.kind == ListenAddress::Kind::local ? local_address(at.path) : tcp_address(at);
}

void set(int socket, int level, int option, int value) {
  setsockopt(socket, level, option, &value, sizeof value);
}

/// Returns whether no socket of that type is bound there, nor of another type: that would be EPROTOTYPE.
bool refuses(const string& path, int type) {
  Fd client(socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  Address address = local_address(path);
  return client && connect(client.get(), address.get(), address.size) != 0 && errno == ECONNREFUSED;
}

/// Returns whether a socket's file is left over: the process that bound it was killed. A bound socket that
/// does not listen yet refuses connections too, but not those of another type.
bool is_stale(const string& path) {
  struct stat st {};
  if (lstat(path.c_str(), &st) != 0 || !S_ISSOCK(st.st_mode)) return false;
  return refuses(path, SOCK_STREAM) && refuses(path, SOCK_DGRAM);
}

/// Gives the file its permissions from its first moment on. This process has one thread.
int bind_with_mode(int socket, Address& address, const std::optional<unsigned>& mode) {
  if (!mode) return bind(socket, address.get(), address.size);
  const mode_t before = umask(~*mode & 0777);
  const int out = bind(socket, address.get(), address.size);
  const int error = errno;
  umask(before);
  errno = error;
  return out;
}

Error bind_error(const ListenAddress& at) {
  Error out = system_error("listen at " + at.place());
  struct stat st {};
  const bool other_file = at.has_file() && lstat(at.path.c_str(), &st) == 0 && !S_ISSOCK(st.st_mode);
  if (out.errnum == EADDRINUSE)
    out.about = other_file ? "that file is no socket, and is left alone" : "another process has it";
  else if (out.errnum == EACCES && at.kind == ListenAddress::Kind::tcp)
    out.about = "a low port needs root, CAP_NET_BIND_SERVICE, or a lower net.ipv4.ip_unprivileged_port_start";
  else if (out.errnum == EADDRNOTAVAIL)
    out.about = "this host has no such address";
  return out;
}

/// `place`: of its file; null: it has no file.
Result<Fd> open_at(const ListenAddress& at, const ListenOptions& options, const FilePlace* place) {
  Address address = address_of(at);
  if (address.size == 0) return Error{Reason::invalid, "listen at " + at.place(), "no numeric address", 0};
  Fd out(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!out) return system_error("listen at " + at.place(), "socket");
  if (at.kind == ListenAddress::Kind::tcp) set(out.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (options.reuse_port) set(out.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  if (address.family() == AF_INET6) set(out.get(), IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only ? 1 : 0);
  int bound = bind_with_mode(out.get(), address, at.mode);
  if (bound != 0 && errno == EADDRINUSE && place != nullptr && is_stale(at.path)) {
    remove_beside(*place, place->base());
    bound = bind_with_mode(out.get(), address, at.mode);
  }
  if (bound != 0 || listen(out.get(), options.backlog) != 0) return bind_error(at);
  return out;
}

}  // namespace

Result<Fd> open_listener(const ListenAddress& at, const ListenOptions& options) {
  if (!at.has_file()) return open_at(at, options, nullptr);
  const auto place = find_place(at.path, options.user, LastLink::kept);
  if (!place) return cannot_at("listen at " + at.place(), place.error());
  const ActingAs as_user(place->as);
  if (as_user.error() != 0) return system_error("listen at " + at.place(), "as " + place->as->name);
  auto out = open_at(at, options, &*place);
  if (out || place->as == nullptr || out.error().errnum != EACCES) return out;
  return Error{out.error().reason, out.error().doing, "as " + place->as->name, EACCES};
}

bool listens_at(int socket, const ListenAddress& at) {
  int listening = 0;
  socklen_t size = sizeof listening;
  if (getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) return false;
  Address wanted = address_of(at), own;
  own.size = sizeof own.bytes;
  return wanted.size != 0 && getsockname(socket, own.get(), &own.size) == 0 && own.size == wanted.size &&
         std::memcmp(&own.bytes, &wanted.bytes, own.size) == 0;
}

std::uint64_t socket_inode(int socket) {
  struct stat st {};
  return fstat(socket, &st) == 0 && S_ISSOCK(st.st_mode) ? st.st_ino : 0;
}

}  // namespace keeper
