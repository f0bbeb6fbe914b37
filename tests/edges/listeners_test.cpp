// The sockets that are held for a program, and waiting for the first connection to one of them.
#include "keeper/listen/listeners.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <asio/io_context.hpp>
#include <set>

#include "keeper/listen/connection_watch.hpp"
#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

using std::string;

ListenAddress in(const Place& place, const string& name) {
  auto address = ListenAddress::parse("unix:" + (place / name).string());
  EXPECT_TRUE(address);
  return *address;
}

Fd connected_to(const ListenAddress& address) {
  Fd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  address.path.copy(to.sun_path, sizeof to.sun_path - 1);
  if (connect(client.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) client.reset();
  return client;
}

TEST(Listeners, KeepTheirSocketsWhereTheAddressesChange) {
  Place place;
  Listeners listeners;
  listeners.want({in(place, "a"), in(place, "b")});
  ASSERT_TRUE(listeners.open_missing());
  const std::vector<int> before = listeners.sockets();
  ASSERT_EQ(2u, before.size());
  listeners.want({in(place, "b"), in(place, "c")});
  ASSERT_TRUE(listeners.open_missing());
  EXPECT_EQ(before[1], listeners.sockets()[0]);
  EXPECT_TRUE(connected_to(in(place, "a")));  // until it is said that it is not needed any more
  EXPECT_EQ((std::vector<string>{in(place, "a").place()}), listeners.drop_others());
  EXPECT_FALSE(std::filesystem::exists(place / "a"));
  EXPECT_TRUE(connected_to(in(place, "b")));
  EXPECT_TRUE(connected_to(in(place, "c")));
}

TEST(Listeners, MakeAPathAgainThatWasRemoved) {
  namespace fs = std::filesystem;
  Place place;
  Listeners listeners;
  listeners.want({in(place, "a"), in(place, "b")});
  ASSERT_TRUE(listeners.open_missing());
  const std::vector<int> before = listeners.sockets();
  EXPECT_EQ(std::vector<string>(), listeners.cut_off());
  fs::remove(place / "a");
  EXPECT_EQ((std::vector<string>{place / "a"}), listeners.cut_off());
  EXPECT_EQ((std::vector<string>{in(place, "a").place()}), listeners.mend_paths());
  EXPECT_TRUE(connected_to(in(place, "a"))) << "the program goes on with the same socket";
  EXPECT_EQ(std::vector<string>(), listeners.mend_paths());
  fs::remove(place / "a"), fs::remove(place / ".a.keeper");
  EXPECT_EQ(std::vector<string>(), listeners.mend_paths());
  listeners.close_cut_off();
  EXPECT_EQ((std::vector<int>{before[1]}), listeners.sockets());
  ASSERT_TRUE(listeners.open_missing());
  EXPECT_TRUE(connected_to(in(place, "a")));
  listeners.remove_paths();
  EXPECT_TRUE(fs::is_empty(place.path()));
}

TEST(Listeners, LeaveAloneWhatIsAnothers) {
  namespace fs = std::filesystem;
  Place place;
  write_text(place / ".a.keeper", "a file of somebody's");
  Listeners listeners;
  listeners.want({in(place, "a"), in(place, "b")});
  ASSERT_TRUE(listeners.open_missing());
  fs::remove(place / "a"), fs::remove(place / "b");
  write_text(place / "b", "another's");
  EXPECT_EQ(std::vector<string>(), listeners.mend_paths());
  EXPECT_EQ((std::vector<string>{place / "a", place / "b"}), listeners.cut_off());
  listeners.remove_paths();
  EXPECT_EQ("a file of somebody's", read_text(place / ".a.keeper"));
  EXPECT_EQ("another's", read_text(place / "b"));
  EXPECT_FALSE(fs::exists(place / ".b.keeper"));
}

TEST(Listeners, MayGoBackToTheAddressesOfBefore) {
  Place place;
  Listeners listeners;
  listeners.want({in(place, "a")});
  ASSERT_TRUE(listeners.open_missing());
  const std::vector<int> before = listeners.sockets();
  listeners.want({in(place, "b")});
  ASSERT_TRUE(listeners.open_missing());
  listeners.want({in(place, "a")});
  EXPECT_EQ((std::vector<string>{in(place, "b").place()}), listeners.drop_others());
  EXPECT_EQ(before, listeners.sockets());
}

TEST(Listeners, TakeASocketOfTheirAddressAndNoOther) {
  Place place;
  Listeners listeners;
  listeners.want({in(place, "a")});
  auto other = open_listener(in(place, "b"));
  EXPECT_FALSE(listeners.take(in(place, "a").place(), std::move(*other), 0, 0));
  EXPECT_TRUE(listeners.sockets().empty());
  auto one = open_listener(in(place, "a"));
  EXPECT_TRUE(listeners.take(in(place, "a").place(), std::move(*one), 0, 0));
  EXPECT_EQ(1u, listeners.sockets().size());
  listeners.remove_paths();
  EXPECT_TRUE(std::filesystem::exists(place / "a")) << "nobody said which file it is";
}

TEST(Listeners, OpenWhatCanBeHad) {
  Place place;
  write_text(place / "a", "no socket");
  Listeners listeners;
  listeners.want({in(place, "a"), in(place, "b")});
  Done done = listeners.open_missing();
  EXPECT_FALSE(done);
  EXPECT_EQ(1u, listeners.sockets().size());
  std::filesystem::remove(place / "a");
  EXPECT_TRUE(listeners.open_missing());
  EXPECT_EQ(2u, listeners.sockets().size());
}

TEST(Listeners, AreMadeBlockingForTheNextProgram) {
  Place place;
  Listeners listeners;
  listeners.want({in(place, "a")});
  ASSERT_TRUE(listeners.open_missing());
  const int socket = listeners.sockets().front();
  fcntl(socket, F_SETFL, O_NONBLOCK);
  listeners.make_blocking();
  EXPECT_EQ(0, fcntl(socket, F_GETFL) & O_NONBLOCK);
}

TEST(Listeners, HaveANameForTheDescriptorStore) {
  std::set<string> names;
  for (int port = 1; port <= 65535; ++port)
    names.insert(Listeners::held_name("tcp:127.0.0.1:" + std::to_string(port)));
  EXPECT_EQ(65535u, names.size());
  EXPECT_EQ(19u, names.begin()->size());
  EXPECT_EQ("web:api",
            listen_names({*ListenAddress::parse("web=tcp:80"), *ListenAddress::parse("tcp:81")}, "api"));
}

TEST(ConnectionWatch, SpeaksOnceOfTheFirstConnectionAndLeavesTheSocketsAlone) {
  Place place;
  Listeners listeners;
  listeners.want({in(place, "a"), in(place, "b")});
  ASSERT_TRUE(listeners.open_missing());
  asio::io_context io;
  int told = 0;
  auto watch = ConnectionWatch::make(io, listeners.sockets(), [&] { ++told; });
  ASSERT_TRUE(watch) << watch.error().text();
  io.poll();
  EXPECT_EQ(0, told);
  Fd client = connected_to(in(place, "b"));
  EXPECT_TRUE(eventually([&] { return told > 0; }, [&] { io.restart(), io.poll(); }));
  Fd second = connected_to(in(place, "a"));
  io.restart();
  io.poll();
  EXPECT_EQ(1, told);
  for (int socket : listeners.sockets())
    EXPECT_EQ(0, fcntl(socket, F_GETFL) & O_NONBLOCK);
}

}  // namespace
}  // namespace keeper
