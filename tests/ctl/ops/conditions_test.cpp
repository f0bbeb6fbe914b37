// What `ctl wait` takes for true, and what `ctl show --ports` reads.
#include <gtest/gtest.h>

#include "ctl/ops/conditions.hpp"
#include "protocol/store/ports.hpp"

namespace keeper {
namespace {

using std::string;

AppView view(State state, bool kept = true) {
  return {state, state == State::running || state == State::suspended, kept, true, {}};
}

bool holds_in(const string& text, const AppViews& apps, int instances = 1) {
  auto condition = Condition::parse(text);
  EXPECT_TRUE(condition) << text;
  return condition && holds(*condition, apps, [&](const string&) { return instances; });
}

TEST(Conditions, AreReadAsNameInstanceAndWord) {
  auto one = Condition::parse("api:2:stopped");
  ASSERT_TRUE(one);
  EXPECT_EQ("api", one->name);
  EXPECT_EQ(2, one->instance);
  EXPECT_EQ(Condition::Kind::stopped, one->kind);
  for (const char* wrong :
       {"api", "api:", ":ready", "api:soon", "api:x:ready", "api:-1:ready", "a/b:ready", ""}) {
    auto none = Condition::parse(wrong);
    ASSERT_FALSE(none) << wrong;
    EXPECT_NE(string::npos, none.error().why().find("NAME:WORD")) << "says what would be right";
  }
}

TEST(Conditions, AreAboutAllInstancesOrAboutOne) {
  AppViews apps = {{{"api", 0}, view(State::running)}, {{"api", 1}, view(State::starting)}};
  EXPECT_FALSE(holds_in("api:ready", apps));
  EXPECT_TRUE(holds_in("api:0:ready", apps));
  EXPECT_FALSE(holds_in("api:1:ready", apps));
}

TEST(Conditions, WaitForInstancesThatAreStillToCome) {
  AppViews apps = {{{"api", 0}, view(State::running)}};
  EXPECT_TRUE(holds_in("api:ready", apps, 1));
  EXPECT_FALSE(holds_in("api:ready", apps, 2));
}

TEST(Conditions, KnowReadyFromRunning) {
  AppViews apps = {{{"api", 0}, view(State::suspended)}};
  EXPECT_TRUE(holds_in("api:ready", apps));
  EXPECT_FALSE(holds_in("api:running", apps));
}

TEST(Conditions, OfAnEndHoldOnceTheKeeperHasGoneToo) {
  for (auto [state, word] :
       {std::pair{State::stopped, "stopped"}, {State::exited, "exited"}, {State::fatal, "fatal"}}) {
    string text = string("api:") + word;
    EXPECT_FALSE(holds_in(text, {{{"api", 0}, view(state, true)}}));
    EXPECT_TRUE(holds_in(text, {{{"api", 0}, view(state, false)}}));
    EXPECT_FALSE(holds_in(text, {})) << "an app that never was did not end";
  }
}

TEST(Conditions, GoneIsWhatHasNoKeeper) {
  EXPECT_TRUE(holds_in("api:gone", {}));
  EXPECT_TRUE(holds_in("api:gone", {{{"api", 0}, view(State::fatal, false)}}));
  EXPECT_FALSE(holds_in("api:gone", {{{"api", 0}, view(State::stopped, true)}}));
}

TEST(Conditions, OfAnAppThatIsOverDoNotComeTrueByThemselves) {
  auto ready = *Condition::parse("api:ready"), fatal = *Condition::parse("api:fatal");
  AppViews over = {{{"api", 0}, view(State::fatal, false)}},
           stopped = {{{"api", 0}, view(State::stopped, false)}};
  EXPECT_TRUE(hopeless(ready, over));
  EXPECT_FALSE(hopeless(fatal, over));
  EXPECT_FALSE(hopeless(ready, stopped)) << "who stopped it may start it";
  EXPECT_FALSE(hopeless(ready, {}));
}

TEST(Ports, OfTcpAreRead) {
  auto sockets = parse_sockets(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0        0 11 1 0 100\n"
      "   1: 0100007F:1F90 0200007F:0050 01 00000000:00000000 00:00000000 00000000  0        0 12 1 0 100\n"
      "   2: garbage\n",
      "tcp");
  ASSERT_EQ(2u, sockets.size());
  EXPECT_EQ("127.0.0.1:8080", sockets[11].local);
  EXPECT_EQ("listening", sockets[11].state);
  EXPECT_EQ("", sockets[11].remote);
  EXPECT_EQ("connected", sockets[12].state);
  EXPECT_EQ("127.0.0.2:80", sockets[12].remote);
}

TEST(Ports, OfVersionSixAreRead) {
  auto sockets = parse_sockets(
      "title\n 0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 "
      "0 7 1\n",
      "tcp6");
  EXPECT_EQ("[::1]:80", sockets[7].local);
}

TEST(Ports, OfUdpAndUnixAreRead) {
  auto udp = parse_sockets("title\n 0: 00000000:0035 00000000:0000 07 0:0 0:0 0 0 0 5 2 0 0\n", "udp");
  EXPECT_EQ("0.0.0.0:53", udp[5].local);
  EXPECT_EQ("open", udp[5].state);
  auto sockets = parse_sockets(
      "Num       RefCount Protocol Flags    Type St Inode Path\n"
      "0000: 00000002 00000000 00010000 0001 01 20 /run/a.sock\n"
      "0000: 00000003 00000000 00000000 0001 03 21\n",
      "unix");
  EXPECT_EQ("listening", sockets[20].state);
  EXPECT_EQ("/run/a.sock", sockets[20].local);
  EXPECT_EQ("connected", sockets[21].state);
}

}  // namespace
}  // namespace keeper
