#include "keeper/node/server_socket.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "keeper/node/channel.hpp"

namespace keeper {
namespace {

using Kind = SocketWish::Kind;

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

int set(int fd, int level, int option, int value = 1) {
  return setsockopt(fd, level, option, &value, sizeof value);
}

/// "fe80::1%eth0" has the interface after the address. Returns false if it is not an address.
bool read_v6(const std::string& text, std::uint16_t port, Address& out) {
  auto& in = reinterpret_cast<sockaddr_in6&>(out.bytes);
  const auto percent = text.find('%');
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  if (percent != std::string::npos) in.sin6_scope_id = if_nametoindex(text.c_str() + percent + 1);
  out.size = sizeof in;
  return inet_pton(AF_INET6, text.substr(0, percent).c_str(), &in.sin6_addr) == 1;
}

bool read_v4(const std::string& text, std::uint16_t port, Address& out) {
  auto& in = reinterpret_cast<sockaddr_in&>(out.bytes);
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  out.size = sizeof in;
  return inet_pton(AF_INET, text.c_str(), &in.sin_addr) == 1;
}

bool read_path(const std::string& path, Address& out) {
  auto& un = reinterpret_cast<sockaddr_un&>(out.bytes);
  if (path.empty() || path.size() >= sizeof un.sun_path) return false;
  un.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), un.sun_path);
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return true;
}

bool read_address(const SocketWish& wish, Address& out) {
  if (wish.kind == Kind::local) return read_path(wish.address, out);
  return wish.v6 ? read_v6(wish.address, wish.port, out) : read_v4(wish.address, wish.port, out);
}

/// Sets the options that libuv sets before it binds. Returns 0, or an errno.
int prepare(int fd, const SocketWish& wish) {
  const bool tcp = wish.kind == Kind::tcp;
  if ((tcp || wish.reuse_address) && set(fd, SOL_SOCKET, SO_REUSEADDR) < 0) return errno;
  if (wish.reuse_port && wish.kind != Kind::local && set(fd, SOL_SOCKET, SO_REUSEPORT) < 0) return errno;
  if (wish.v6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, wish.only_v6 ? 1 : 0) < 0) return errno;
  return 0;
}

ServerSocket open_at(const SocketWish& wish) {
  ServerSocket out;
  Address address;
  if (wish.address.find('\0') != std::string::npos)
    return {Fd(), EINVAL};  // the kernel would see a part of it
  if (!read_address(wish, address)) return {Fd(), wish.kind == Kind::local ? ENAMETOOLONG : EINVAL};
  const int type = wish.kind == Kind::udp ? SOCK_DGRAM : SOCK_STREAM;
  out.fd = Fd(socket(address.bytes.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!out.fd) return {Fd(), errno};
  out.error = prepare(out.fd.get(), wish);
  if (out.error == 0 && bind(out.fd.get(), reinterpret_cast<sockaddr*>(&address.bytes), address.size) < 0)
    out.error = wish.kind == Kind::local && errno == ENOENT ? EACCES : errno;  // as in uv_pipe_bind
  if (out.error == 0 && wish.kind != Kind::udp && listen(out.fd.get(), wish.backlog) < 0) out.error = errno;
  if (out.error != 0) out.fd.reset();
  return out;
}

}  // namespace

ServerSocket open_server_socket(const SocketWish& wish, const ActingUser& user) {
  if (wish.number >= 0) return {Fd(), EBADF};
  const ActingAs as_user(&user);
  if (as_user.error() != 0) return {Fd(), as_user.error()};
  if (!wish.address.empty() || wish.kind == Kind::local) return open_at(wish);
  SocketWish every = wish;
  every.v6 = wish.kind == Kind::tcp || wish.v6;
  every.address = every.v6 ? "::" : "0.0.0.0";
  ServerSocket out = open_at(every);
  const bool no_v6 = out.error == EAFNOSUPPORT || out.error == EADDRNOTAVAIL || out.error == EINVAL;
  if (!every.v6 || wish.v6 || !no_v6) return out;
  every.v6 = false;
  every.address = "0.0.0.0";
  return open_at(every);
}

std::optional<BoundPort> bound_port(int fd) {
  BoundPort out;
  sockaddr_storage address{};
  socklen_t size = sizeof address, type_size = sizeof out.type;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      getsockopt(fd, SOL_SOCKET, SO_TYPE, &out.type, &type_size) != 0)
    return std::nullopt;
  out.place = place_of(address);
  if (out.place.port == 0) return std::nullopt;
  return out;
}

bool is_in_the_way(const BoundPort& bound, const SocketWish& wish) {
  if (wish.kind == Kind::local || wish.number >= 0 || wish.port != bound.place.port) return false;
  if (bound.type != (wish.kind == Kind::udp ? SOCK_DGRAM : SOCK_STREAM)) return false;
  Address address;
  if (wish.address.empty() || bound.place.is_any() || !read_address(wish, address)) return true;
  const SocketPlace wanted = place_of(address.bytes);
  return wanted.is_any() || wanted.address == bound.place.address;
}

std::uint64_t socket_file(const std::string& path, const ActingUser& user) {
  const ActingAs as_user(&user);
  struct stat st {};
  const bool there = as_user.error() == 0 && lstat(path.c_str(), &st) == 0 && S_ISSOCK(st.st_mode);
  return there ? st.st_ino : 0;
}

bool socket_file_is_gone(const std::string& path, std::uint64_t inode, const ActingUser& user) {
  if (inode == 0) return false;
  const ActingAs as_user(&user);
  if (as_user.error() != 0) return false;
  struct stat st {};
  if (lstat(path.c_str(), &st) != 0) return errno == ENOENT || errno == ENOTDIR;
  return !S_ISSOCK(st.st_mode) || st.st_ino != inode;
}

/// Looks and removes in the open directory, wherever its path leads by then.
void remove_socket_file(const std::string& path, std::uint64_t inode, const ActingUser& user) {
  const ActingAs as_user(&user);
  if (as_user.error() != 0 || inode == 0) return;
  const std::string name = path.substr(path.rfind('/') + 1);
  const std::string parent = path.substr(0, path.size() - name.size());
  const Fd directory(open(parent.empty() ? "." : parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat st {};
  if (directory && fstatat(directory.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISSOCK(st.st_mode) && st.st_ino == inode)
    unlinkat(directory.get(), name.c_str(), 0);
}

std::string wish_text(const SocketWish& wish) {
  if (wish.kind == Kind::local) return "unix " + wish.address;
  if (wish.number >= 0) return "descriptor " + std::to_string(wish.number);
  std::string host = wish.address.empty() ? "*" : wish.address;
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return (wish.kind == Kind::udp ? "udp " : "tcp ") + host + ":" + std::to_string(wish.port);
}

Result<Fd> fetch_socket(int pid, int pidfd, std::uint64_t inode) {
  const Error none{Reason::not_found, "fetch a listening socket", "the program does not have it", 0};
  const std::string directory = "/proc/" + std::to_string(pid) + "/fd";
  DIR* all = opendir(directory.c_str());
  if (all == nullptr) return system_error("fetch a listening socket", directory);
  const std::string wanted = "socket:[" + std::to_string(inode) + "]";
  int found = -1;
  while (const dirent* one = readdir(all)) {
    char name[64] = {};
    if (readlinkat(dirfd(all), one->d_name, name, sizeof name - 1) > 0 && wanted == name)
      found = std::atoi(one->d_name);
  }
  closedir(all);
  if (found < 0) return none;
  return fetch_channel(pidfd, found);
}

}  // namespace keeper
