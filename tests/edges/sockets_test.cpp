// The socket that listens where a connection comes to, and the process that has it.
#include "protocol/base/sockets.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

sockaddr_storage address_of(const char* text, std::uint16_t port) {
  sockaddr_storage out{};
  auto& four = reinterpret_cast<sockaddr_in&>(out);
  auto& six = reinterpret_cast<sockaddr_in6&>(out);
  out.ss_family = inet_pton(AF_INET, text, &four.sin_addr) == 1 ? AF_INET : AF_INET6;
  if (out.ss_family == AF_INET6) inet_pton(AF_INET6, text, &six.sin6_addr);
  six.sin6_port = htons(port);  // where four has it too
  return out;
}

/// Listens at an address; of port 0 at a free one.
struct Listening {
  Listening(const char* text, std::uint16_t at, bool only_v6 = false) {
    sockaddr_storage address = address_of(text, at);
    socket = Fd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int only = only_v6 ? 1 : 0;
    if (address.ss_family == AF_INET6)
      setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    socklen_t size = sizeof address;
    there =
        bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) == 0 && listen(socket.get(), 8) == 0;
    getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
    struct stat st {};
    fstat(socket.get(), &st);
    inode = st.st_ino;
  }
  Fd socket;
  bool there = false;
  std::uint16_t port = 0;
  std::uint64_t inode = 0;
};

std::vector<std::uint64_t> inodes_at(const char* text, std::uint16_t port) {
  std::vector<std::uint64_t> out;
  for (const ListeningSocket& one : listening_at(address_of(text, port))) {
    out.push_back(one.inode);
    EXPECT_EQ(geteuid(), one.user);
  }
  return out;
}
using Inodes = std::vector<std::uint64_t>;

TEST(Sockets, ThatListenAreFoundByTheAddressThatIsConnectedTo) {
  const Listening one("127.0.0.1", 0);
  ASSERT_TRUE(one.there);
  EXPECT_EQ(Inodes{one.inode}, inodes_at("127.0.0.1", one.port));
  EXPECT_EQ(Inodes(), inodes_at("127.0.0.2", one.port));
  EXPECT_EQ(Inodes(), inodes_at("::1", one.port));
  const Listening bound_only("127.0.0.2", one.port);
  EXPECT_EQ(Inodes{bound_only.inode}, inodes_at("127.0.0.2", one.port));
}

TEST(Sockets, ThatListenAtAllAddressesAreFoundByEach) {
  const Listening six("::", 0, true);
  if (!six.there) GTEST_SKIP() << "no IPv6 here";
  const Listening four("0.0.0.0", six.port);
  ASSERT_TRUE(four.there);
  EXPECT_EQ(Inodes{four.inode}, inodes_at("127.0.0.1", six.port)) << "the other one takes IPv6 alone";
  EXPECT_EQ(Inodes{six.inode}, inodes_at("::1", six.port));
  const Listening both("::", 0);
  EXPECT_EQ(Inodes{both.inode}, inodes_at("127.0.0.1", both.port));
  EXPECT_EQ(Inodes{both.inode}, inodes_at("::1", both.port));
}

TEST(Sockets, ThatTheTableHasTwiceAreReadOnce) {
  const std::string title = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when ...\n";
  const std::string row =
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  7        0 11 1 0 100\n";
  const std::string other =
      "   1: 0200007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  7        0 12 1 0 100\n";
  const std::string all = title + row + other + other + row;
  std::vector<std::string> found;
  InternetTable table;
  for (const char byte : all)
    table.take({&byte, 1}, [&](const InternetSocket& one) {
      EXPECT_EQ(7u, one.socket.user);
      found.push_back(one.local.text() + " " + std::to_string(one.socket.inode));
      return true;
    });
  EXPECT_EQ((std::vector<std::string>{"127.0.0.1:8080 11", "127.0.0.2:8080 12"}), found);
}

TEST(Sockets, OfAPortAreFoundAtAnyAddress) {
  const Listening one("127.0.0.1", 0), other("127.0.0.2", one.port);
  std::set<std::uint64_t> found;
  for (const ListeningSocket& socket : listening_at_port(one.port))
    found.insert(socket.inode);
  EXPECT_EQ((std::set<std::uint64_t>{one.inode, other.inode}), found);
}

TEST(Sockets, AreFoundWithTheProcessThatHasThem) {
  const Listening one("127.0.0.1", 0);
  const auto listening = listening_at(address_of("127.0.0.1", one.port));
  EXPECT_EQ(getpid(), process_that_has(listening));
  EXPECT_EQ(true, has_socket_of(getpid(), listening));
  EXPECT_EQ(false, has_socket_of(getpid(), {{1, 0}}));
  EXPECT_EQ(std::nullopt, has_socket_of(1 << 30, listening)) << "there is no such process";
  EXPECT_TRUE(process_text(getpid()).starts_with("pid " + std::to_string(getpid()) + " (edges_tests"));
}

}  // namespace
}  // namespace keeper
