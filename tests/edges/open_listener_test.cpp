// Sockets that listen: at which address, with which permissions, and what is said where that cannot be had.
#include "keeper/listen/open_listener.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>

#include "tests/edges/support/place.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

using std::string;

ListenAddress at(const string& text) {
  auto address = ListenAddress::parse(text);
  EXPECT_TRUE(address) << address.error().text();
  return *address;
}

int port_of(int socket) {
  sockaddr_storage bytes{};
  socklen_t size = sizeof bytes;
  getsockname(socket, reinterpret_cast<sockaddr*>(&bytes), &size);
  sockaddr_in6 six{};
  std::memcpy(&six, &bytes, sizeof six);  // the port is at the same place for both
  return ntohs(six.sin6_port);
}

/// At a port that was free.
Fd listener_at_some_port(ListenAddress& address) {
  address.port = 0;
  auto made = open_listener(address);
  EXPECT_TRUE(made) << made.error().text();
  address.port = port_of(made->get());
  return std::move(*made);
}

bool connects_ipv4(int port) {
  Fd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  return connect(client.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
}

bool connects_local(const string& path) {
  Fd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  path.copy(to.sun_path, sizeof to.sun_path - 1);
  return connect(client.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
}

string refusal(const ListenAddress& address) {
  auto made = open_listener(address);
  EXPECT_FALSE(made);
  return made ? "" : made.error().text();
}

TEST(OpenListener, ListensAtAPortWithoutBlockingFlagsOrInheritance) {
  ListenAddress address = at("tcp:127.0.0.1:1");
  Fd listener = listener_at_some_port(address);
  EXPECT_TRUE(connects_ipv4(address.port));
  EXPECT_EQ(FD_CLOEXEC, fcntl(listener.get(), F_GETFD));
  EXPECT_EQ(0, fcntl(listener.get(), F_GETFL) & O_NONBLOCK);
  EXPECT_TRUE(listens_at(listener.get(), address));
  address.port ^= 1;
  EXPECT_FALSE(listens_at(listener.get(), address));
}

TEST(OpenListener, AllAddressesAreIPv6AndIPv4) {
  ListenAddress address = at("tcp:1");
  Fd listener = listener_at_some_port(address);
  EXPECT_TRUE(connects_ipv4(address.port));
  EXPECT_TRUE(listens_at(listener.get(), address));
}

TEST(OpenListener, APortInUseIsSaidToBe) {
  ListenAddress address = at("tcp:127.0.0.1:1");
  Fd listener = listener_at_some_port(address);
  EXPECT_EQ(refusal(address),
            "cannot listen at " + address.place() + ": another process has it: Address already in use");
}

TEST(OpenListener, APortWhoseConnectionsLingerIsTakenAgain) {
  ListenAddress address = at("tcp:127.0.0.1:1");
  Fd listener = listener_at_some_port(address);
  Fd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<std::uint16_t>(address.port));
  ASSERT_EQ(0, connect(client.get(), reinterpret_cast<sockaddr*>(&to), sizeof to));
  Fd served(accept(listener.get(), nullptr, nullptr));
  served.reset();  // first to close: TIME_WAIT is on this side
  client.reset();
  listener.reset();
  EXPECT_TRUE(open_listener(address));
}

TEST(OpenListener, APrivilegedPortNeedsRights) {
  if (read_text("/proc/sys/net/ipv4/ip_unprivileged_port_start") != "1024\n")
    GTEST_SKIP() << "no port needs any";
  const pid_t pid = fork();
  if (pid == 0) {
    become_nobody();
    auto made = open_listener(at("tcp:127.0.0.1:81"));
    const bool right = !made && made.error().errnum == EACCES &&
                       made.error().about.find("CAP_NET_BIND_SERVICE") != string::npos;
    _exit(right ? 0 : 1);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_EQ(0, status);
}

TEST(OpenListener, AnAddressOfAnotherHostIsSaidToBe) {
  EXPECT_EQ(
      refusal(at("tcp:192.0.2.1:4444")),
      "cannot listen at tcp:192.0.2.1:4444: this host has no such address: Cannot assign requested address");
}

TEST(OpenListener, APathHasTheModeThatWasAskedForWhateverTheMask) {
  Place place;
  const string path = place / "a.sock";
  const mode_t before = umask(0077);
  auto made = open_listener(at("unix:" + path + ",mode=0666"));
  const mode_t after = umask(before);
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(0077u, after);
  struct stat st {};
  ASSERT_EQ(0, lstat(path.c_str(), &st));
  EXPECT_EQ(0666u, st.st_mode & 0777);
  EXPECT_TRUE(connects_local(path));
  EXPECT_TRUE(listens_at(made->get(), at("unix:" + path)));
  EXPECT_FALSE(listens_at(made->get(), at("unix:" + path + "x")));
}

TEST(OpenListener, APathThatWasLeftIsTaken) {
  Place place;
  const ListenAddress address = at("unix:" + (place / "a.sock").string());
  open_listener(address)->reset();
  ASSERT_TRUE(std::filesystem::exists(place / "a.sock"));
  auto made = open_listener(address);
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_TRUE(connects_local(place / "a.sock"));
}

TEST(OpenListener, APathInUseIsNotTaken) {
  Place place;
  const ListenAddress address = at("unix:" + (place / "a.sock").string());
  auto first = open_listener(address);
  EXPECT_EQ(refusal(address),
            "cannot listen at " + address.place() + ": another process has it: Address already in use");
  EXPECT_TRUE(connects_local(place / "a.sock"));
}

TEST(OpenListener, AFileThatIsNoSocketIsLeftAlone) {
  Place place;
  write_text(place / "a.sock", "precious");
  EXPECT_EQ(refusal(at("unix:" + (place / "a.sock").string())),
            "cannot listen at unix:" + (place / "a.sock").string() +
                ": that file is no socket, and is left alone: Address already in use");
  EXPECT_EQ("precious", read_text(place / "a.sock"));
}

TEST(OpenListener, ANameWithoutAFileCanBeHadOnce) {
  const ListenAddress address = at("unix:@keeper-test-" + std::to_string(getpid()));
  auto first = open_listener(address);
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_TRUE(listens_at(first->get(), address));
  EXPECT_FALSE(open_listener(address));
}

TEST(OpenListener, ASocketHasAnInode) {
  ListenAddress address = at("tcp:127.0.0.1:1");
  Fd listener = listener_at_some_port(address);
  const string name =
      std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(listener.get())).string();
  EXPECT_EQ(name, "socket:[" + std::to_string(socket_inode(listener.get())) + "]");
  EXPECT_EQ(0u, socket_inode(STDIN_FILENO));
}

/// As node, python or systemd have it for a moment.
TEST(OpenListener, LeavesAPathThatSomebodyHasBoundAndNotYetListenedAt) {
  Place place;
  const string path = (place / "web.sock").string();
  for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
    Fd bound(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    ASSERT_EQ(0, bind(bound.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
    auto refused = open_listener(at("unix:" + path));
    EXPECT_FALSE(refused) << type;
    EXPECT_TRUE(std::filesystem::exists(path)) << type;
    bound.reset();
    EXPECT_TRUE(open_listener(at("unix:" + path))) << "it is stale now";
    std::filesystem::remove(path);
  }
}

}  // namespace
}  // namespace keeper
