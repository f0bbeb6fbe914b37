// Sockets as libuv opens them.
#include "keeper/node/server_socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "keeper/child/pidfd.hpp"
#include "keeper/listen/open_listener.hpp"
#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

std::uint16_t port_of(int fd) {
  sockaddr_in6 at{};
  socklen_t size = sizeof at;
  EXPECT_EQ(0, getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size));
  return ntohs(at.sin6_port);
}

bool reached(int family, const char* address, std::uint16_t port) {
  sockaddr_storage at{};
  if (family == AF_INET) {
    auto& in = reinterpret_cast<sockaddr_in&>(at);
    in.sin_family = AF_INET, in.sin_port = htons(port);
    inet_pton(AF_INET, address, &in.sin_addr);
  } else {
    auto& in = reinterpret_cast<sockaddr_in6&>(at);
    in.sin6_family = AF_INET6, in.sin6_port = htons(port);
    inet_pton(AF_INET6, address, &in.sin6_addr);
  }
  Fd client(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return connect(client.get(), reinterpret_cast<sockaddr*>(&at),
                 family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)) == 0;
}

SocketWish local(const std::string& path) {
  SocketWish out;
  out.kind = SocketWish::Kind::local;
  out.address = path;
  return out;
}

TEST(ServerSocket, WithoutAnAddressIsThereForBothFamilies) {
  const ServerSocket socket = open_server_socket({});
  ASSERT_EQ(0, socket.error);
  EXPECT_TRUE(reached(AF_INET, "127.0.0.1", port_of(socket.fd.get())));
  EXPECT_TRUE(reached(AF_INET6, "::1", port_of(socket.fd.get())));
  EXPECT_TRUE(fcntl(socket.fd.get(), F_GETFD) & FD_CLOEXEC);
  EXPECT_TRUE(fcntl(socket.fd.get(), F_GETFL) & O_NONBLOCK);
}

TEST(ServerSocket, IsInTheWayOfThoseOfItsPortAndAddress) {
  SocketWish wish;
  wish.address = "127.0.0.2";
  const ServerSocket socket = open_server_socket(wish);
  const auto bound = bound_port(socket.fd.get());
  ASSERT_TRUE(bound);
  EXPECT_EQ("127.0.0.2:" + std::to_string(port_of(socket.fd.get())), bound->place.text());
  wish.port = port_of(socket.fd.get());
  EXPECT_TRUE(is_in_the_way(*bound, wish));
  for (const char* all : {"", "0.0.0.0"}) {
    wish.address = all;
    EXPECT_TRUE(is_in_the_way(*bound, wish)) << all;
  }
  wish.address = "127.0.0.1";
  EXPECT_FALSE(is_in_the_way(*bound, wish));
  wish.address = "127.0.0.2", wish.kind = SocketWish::Kind::udp;
  EXPECT_FALSE(is_in_the_way(*bound, wish));
  wish.kind = SocketWish::Kind::tcp, ++wish.port;
  EXPECT_FALSE(is_in_the_way(*bound, wish));
}

TEST(ServerSocket, OfV6AloneLeavesThePortOfV4) {
  SocketWish wish;
  wish.address = "::", wish.v6 = wish.only_v6 = true;
  const ServerSocket socket = open_server_socket(wish);
  ASSERT_EQ(0, socket.error);
  EXPECT_FALSE(reached(AF_INET, "127.0.0.1", port_of(socket.fd.get())));
  wish = {};
  wish.address = "127.0.0.1", wish.port = port_of(socket.fd.get());
  EXPECT_EQ(0, open_server_socket(wish).error);
}

TEST(ServerSocket, ThatCannotBeHadSaysWhy) {
  Place place;
  SocketWish wish;
  wish.address = "127.0.0.1";
  const ServerSocket first = open_server_socket(wish);
  wish.port = port_of(first.fd.get());
  EXPECT_EQ(EADDRINUSE, open_server_socket(wish).error);
  EXPECT_FALSE(open_server_socket(wish).fd);
  wish.reuse_port = true;
  EXPECT_EQ(EADDRINUSE, open_server_socket(wish).error) << "the other one did not ask for that";
  wish.address = "no.such.address";
  EXPECT_EQ(EINVAL, open_server_socket(wish).error);
  wish.address = "192.0.2.1";
  EXPECT_EQ(EADDRNOTAVAIL, open_server_socket(wish).error);
  EXPECT_EQ(EACCES, open_server_socket(local((place / "no" / "socket").string())).error) << "as libuv has it";
  EXPECT_EQ(ENAMETOOLONG, open_server_socket(local("/" + std::string(200, 'x'))).error);
  wish.number = 3;
  EXPECT_EQ(EBADF, open_server_socket(wish).error);
}

TEST(ServerSocket, AnAddressIsNotReadToItsFirstZeroByteAndNoFurther) {
  Place place;
  SocketWish wish;
  wish.address = std::string("127.0.0.1\0x", 11);
  EXPECT_EQ(EINVAL, open_server_socket(wish).error);
  wish.address = std::string("::1\0x", 5), wish.v6 = true;
  EXPECT_EQ(EINVAL, open_server_socket(wish).error);
  EXPECT_EQ(EINVAL, open_server_socket(local((place / "a").string() + '\0')).error);
  EXPECT_FALSE(std::filesystem::exists(place / "a"));
}

TEST(ServerSocket, KnowsWhetherItsFileIsStillThere) {
  Place place;
  const std::string path = (place / "socket").string();
  const ServerSocket first = open_server_socket(local(path));
  const std::uint64_t inode = socket_file(path, {});
  EXPECT_FALSE(socket_file_is_gone(path, inode, {}));
  std::filesystem::rename(path, path + ".old");
  EXPECT_TRUE(socket_file_is_gone(path, inode, {}));
  const ServerSocket second = open_server_socket(local(path));
  EXPECT_TRUE(socket_file_is_gone(path, inode, {})) << "it is another's";
  EXPECT_TRUE(socket_file_is_gone((place / "no" / "socket").string(), inode, {}));
  EXPECT_FALSE(socket_file_is_gone(path, 0, {}));
}

TEST(ServerSocket, InTheFileSystemIsThereOnce) {
  Place place;
  const std::string path = (place / "socket").string();
  const ServerSocket first = open_server_socket(local(path));
  ASSERT_EQ(0, first.error);
  EXPECT_TRUE(std::filesystem::is_socket(path));
  EXPECT_EQ(EADDRINUSE, open_server_socket(local(path)).error);
}

TEST(ServerSocket, OfDatagramsIsSharedWhereThatIsAskedFor) {
  SocketWish wish;
  wish.kind = SocketWish::Kind::udp, wish.address = "127.0.0.1", wish.reuse_address = true;
  const ServerSocket first = open_server_socket(wish);
  ASSERT_EQ(0, first.error);
  wish.port = port_of(first.fd.get());
  EXPECT_EQ(0, open_server_socket(wish).error);
  wish.reuse_address = false;
  EXPECT_EQ(EADDRINUSE, open_server_socket(wish).error);
}

TEST(ServerSocket, IsFoundWithTheProcessThatHasIt) {
  const ServerSocket socket = open_server_socket({});
  Fd self(pidfd_open(getpid(), 0));
  auto found = fetch_socket(getpid(), self.get(), socket_inode(socket.fd.get()));
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(port_of(socket.fd.get()), port_of(found->get()));
  EXPECT_FALSE(fetch_socket(getpid(), self.get(), 1));
}

TEST(ServerSocket, HasAName) {
  SocketWish wish;
  wish.port = 80;
  EXPECT_EQ("tcp *:80", wish_text(wish));
  wish.address = "::1";
  EXPECT_EQ("tcp [::1]:80", wish_text(wish));
  EXPECT_EQ("unix /run/x", wish_text(local("/run/x")));
}

}  // namespace
}  // namespace keeper
