// Probes: servers that come up late, answer badly or not at all; commands that fail, hang and leave others.
#include "keeper/ready/probe.hpp"
#include "protocol/base/proc.hpp"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/wait.h>

#include <asio/io_context.hpp>

#include "keeper/child/process.hpp"
#include "keeper/ready/connecting.hpp"
#include "keeper/ready/http_probe.hpp"
#include "keeper/ready/probe_for.hpp"
#include "keeper/ready/tcp_probe.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/sockets.hpp"
#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

using std::string;

/// A server on a port of its own: says `reply` to everybody who asks, and remembers what was asked.
class Server {
 public:
  explicit Server(int family = AF_INET, bool listens = true)
      : socket_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in6 six{};
    sockaddr_in four{};
    six.sin6_family = AF_INET6;
    six.sin6_addr = in6addr_loopback;
    four.sin_family = AF_INET;
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* address =
        family == AF_INET ? reinterpret_cast<sockaddr*>(&four) : reinterpret_cast<sockaddr*>(&six);
    socklen_t size = family == AF_INET ? sizeof four : sizeof six;
    bound_ = bind(socket_.get(), address, size) == 0 && getsockname(socket_.get(), address, &size) == 0;
    port_ = ntohs(family == AF_INET ? four.sin_port : six.sin6_port);
    if (listens) listen();
  }
  bool bound() const { return bound_; }
  std::uint16_t port() const { return port_; }
  void listen() { EXPECT_EQ(0, ::listen(socket_.get(), 16)); }

  /// Serves who is there now.
  void turn() {
    for (Fd next; (next = Fd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)));)
      clients_.push_back(std::move(next)), ++connections;
    for (Fd& client : clients_) {
      char bytes[2048];
      ssize_t got = recv(client.get(), bytes, sizeof bytes, 0);
      if (got <= 0) continue;
      asked += string(bytes, static_cast<std::size_t>(got));
      if (send(client.get(), reply.data(), reply.size(), MSG_NOSIGNAL) < 0) continue;
      if (closes) client.reset();
    }
  }

  string reply = "HTTP/1.1 200 OK\r\n\r\n";
  bool closes = false;
  string asked;
  int connections = 0;

 private:
  Fd socket_;
  std::uint16_t port_ = 0;
  bool bound_ = false;
  std::vector<Fd> clients_;
};

class ProbeTest : public testing::Test {
 protected:
  std::function<void()> success() {
    return [this] { ++successes_; };
  }
  void turn() { io_.restart(), io_.poll(); }
  bool succeeds(const std::function<void()>& between = [] {}) {
    return eventually([&] { return successes_ > 0; }, [&] { turn(), between(); });
  }
  /// Turns of the loop for so long.
  void go_on(
      Millis time, const std::function<void()>& between = [] {}) {
    eventually([] { return false; }, [&] { turn(), between(); }, time);
  }

  asio::io_context io_;
  int successes_ = 0;
};

// --- when it is tried

/// An attempt that ends as the test says, when it says so or at once.
struct Scripted : Attempt {
  Scripted(Ended ended, std::vector<Scripted*>& all, bool fails) : Attempt(std::move(ended)), fails_(fails) {
    all.push_back(this);
  }
  void begin() override {
    if (fails_) end(false);
  }
  void finish(bool good) { end(good); }
  bool fails_;
};

struct ProbePaceTest : ProbeTest {
  Probe::Make make(bool fails) {
    return [this, fails](Attempt::Ended ended) {
      times_.push_back(steady_now());
      return std::make_unique<Scripted>(std::move(ended), attempts_, fails);
    };
  }
  bool tried(std::size_t times) {
    return eventually([&] { return attempts_.size() >= times; }, [this] { turn(); });
  }
  std::vector<Scripted*> attempts_;
  std::vector<Millis> times_;
};

TEST_F(ProbePaceTest, TriesAfter50MillisecondsAndThenHalfAsOftenEachTime) {
  Probe probe(io_, make(true), Millis(1'000), success());
  Millis start = steady_now();
  probe.start();
  ASSERT_TRUE(tried(5));
  const Millis pauses[] = {Millis(50), Millis(200), Millis(300), Millis(450), Millis(675)};
  Millis before = start;
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_GE(times_[i] - before, pauses[i] - Millis(1)) << i;
    EXPECT_LT(times_[i] - before, pauses[i] + Millis(190)) << i;
    before = times_[i];
  }
  EXPECT_EQ(0, successes_);
}

TEST_F(ProbePaceTest, TellsOfTheFirstSuccessAndRests) {
  Probe probe(io_, make(false), Millis(1'000), success());
  probe.start();
  ASSERT_TRUE(tried(1));
  attempts_[0]->finish(false);
  ASSERT_TRUE(tried(2));
  attempts_[1]->finish(true);
  EXPECT_EQ(1, successes_);
  io_.restart();
  io_.run_for(std::chrono::seconds(1));  // nothing is left to be waited for
  EXPECT_TRUE(io_.stopped());
  EXPECT_EQ(2u, attempts_.size());
}

TEST_F(ProbePaceTest, GivesUpATryThatTakesTooLong) {
  Probe probe(io_, make(false), Millis(100), success());
  probe.start();
  ASSERT_TRUE(tried(3));
  EXPECT_GE(times_[1] - times_[0], Millis(299));
}

TEST_F(ProbePaceTest, DoesNothingWhenItIsStoppedUntilItIsStartedAgain) {
  Probe probe(io_, make(false), Millis(50), success());
  io_.restart();
  io_.run_for(Millis(80));
  EXPECT_TRUE(attempts_.empty());
  probe.start();
  ASSERT_TRUE(tried(1));
  probe.stop();
  io_.restart();
  io_.run_for(Millis(400));
  EXPECT_TRUE(io_.stopped());
  EXPECT_EQ(1u, attempts_.size());
  probe.start();
  EXPECT_TRUE(tried(2));
}

TEST_F(ProbePaceTest, CanBeLetGoOfByWhoIsTold) {
  std::unique_ptr<Probe> probe;
  probe = std::make_unique<Probe>(io_, make(false), Millis(1'000), [&] { ++successes_, probe.reset(); });
  probe->start();
  ASSERT_TRUE(tried(1));
  attempts_[0]->finish(true);
  turn();
  EXPECT_EQ(1, successes_);
  EXPECT_EQ(nullptr, probe);
}

TEST_F(ProbePaceTest, TakesWantOfMemoryForAFailedTry) {
  int tries = 0;
  Probe probe(
      io_, [&](Attempt::Ended) -> std::unique_ptr<Attempt> { throw(++tries, std::bad_alloc()); },
      Millis(1'000), success());
  probe.start();
  EXPECT_TRUE(eventually([&] { return tries == 2; }, [this] { turn(); }));
}

// --- tcp

TEST_F(ProbeTest, FindsAServerThatListens) {
  Server server;
  auto probe = tcp_probe(io_, "127.0.0.1", server.port(), success());
  probe->start();
  EXPECT_TRUE(succeeds());
}

TEST_F(ProbeTest, FindsAServerThatListensLater) {
  Server server(AF_INET, false);
  auto probe = tcp_probe(io_, "localhost", server.port(), success());
  probe->start();
  go_on(Millis(400));
  EXPECT_EQ(0, successes_);
  server.listen();
  EXPECT_TRUE(succeeds());
}

TEST_F(ProbeTest, FindsAServerThatListensToVersionSixOnly) {
  Server server(AF_INET6);
  if (!server.bound()) GTEST_SKIP() << "no ::1 here";
  for (const char* host : {"::1", "localhost"}) {
    successes_ = 0;
    auto probe = tcp_probe(io_, host, server.port(), success());
    probe->start();
    EXPECT_TRUE(succeeds()) << host;
  }
  successes_ = 0;
  auto probe = tcp_probe(io_, "127.0.0.1", server.port(), success());
  probe->start();
  go_on(Millis(300));
  EXPECT_EQ(0, successes_);
}

TEST_F(ProbeTest, GoesOnWhileAStrangerAnswersAndSaysWho) {
  Server server;
  bool strange = true;
  auto stranger = [&](int socket) {
    EXPECT_EQ(1u, listening_behind(socket).size());
    return strange ? "pid 812 (nginx)" : "";
  };
  auto tcp = tcp_probe(io_, "localhost", server.port(), success(), stranger);
  auto http = http_probe(io_, "127.0.0.1", server.port(), "/", success(), stranger);
  tcp->start(), http->start();
  const string said = "is not its own: pid 812 (nginx) answers there";
  EXPECT_TRUE(eventually([&] { return tcp->answer() == said && http->answer() == said; },
                         [&] { turn(), server.turn(); }));
  EXPECT_EQ("", server.asked) << "a stranger is not asked";
  EXPECT_EQ(0, successes_);
  strange = false;
  EXPECT_TRUE(eventually([&] { return successes_ == 2; }, [&] { turn(), server.turn(); }));
}

TEST(Connecting, KnowsAConnectionToItself) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof here;
  auto* address = reinterpret_cast<sockaddr*>(&here);
  ASSERT_EQ(0, bind(socket.get(), address, size));
  ASSERT_EQ(0, getsockname(socket.get(), address, &size));
  ASSERT_EQ(0, connect(socket.get(), address, size)) << "nobody listens there, and yet";
  EXPECT_EQ(ECONNREFUSED, connection_error(socket.get()));
}

TEST(Connecting, TakesNumericAddressesOnly) {
  EXPECT_FALSE(begin_connection("example.com", 80));
  EXPECT_FALSE(begin_connection("", 80));
}

// --- http

struct HttpProbeTest : ProbeTest {
  std::unique_ptr<Probe> begin(const string& host = "127.0.0.1") {
    auto probe = http_probe(io_, host, server_.port(), "/health?x=1", success());
    probe->start();
    return probe;
  }
  bool succeeds() {
    return ProbeTest::succeeds([this] { server_.turn(); });
  }
  /// It asks at least twice and is not content.
  void expect_refused(const string& reply, bool closes = false) {
    server_.reply = reply;
    server_.closes = closes;
    int before = server_.connections;
    auto probe = begin();
    EXPECT_TRUE(
        eventually([&] { return server_.connections >= before + 2; }, [this] { turn(), server_.turn(); }))
        << reply.substr(0, 100);
    EXPECT_EQ(0, successes_) << reply.substr(0, 100);
  }
  Server server_;
};

TEST_F(HttpProbeTest, AsksProperly) {
  auto probe = begin("localhost");
  ASSERT_TRUE(succeeds());
  EXPECT_EQ("GET /health?x=1 HTTP/1.1\r\nHost: localhost:" + std::to_string(server_.port()) +
                "\r\nUser-Agent: keeper\r\nAccept: */*\r\nConnection: close\r\n\r\n",
            server_.asked);
  EXPECT_NE(string::npos, http_request("::1", 80, "/").find("Host: [::1]\r\n"));
}

TEST_F(HttpProbeTest, IsContentWithTwoAndThreeHundreds) {
  for (const char* reply :
       {"HTTP/1.1 200 OK\r\n", "HTTP/1.0 204 \r\n\r\n", "HTTP/1.1 301\n", "HTTP/1.1 399 x\r\nA: b"}) {
    successes_ = 0;
    server_.reply = reply;
    auto probe = begin();
    EXPECT_TRUE(succeeds()) << reply;
  }
}

TEST_F(HttpProbeTest, GoesOnAskingWhileTheAnswerIsAnother) {
  for (const char* reply : {"HTTP/1.1 503 Not yet\r\n\r\n", "HTTP/1.1 404 x\r\n\r\n", "HTTP/1.1 199 x\r\n",
                            "HTTP/1.1 400 x\r\n", "SSH-2.0-OpenSSH_9\r\n", "\n"})
    expect_refused(reply);
  expect_refused("", true);
  expect_refused("HTTP/1.1 200", true);
  expect_refused(string(5000, 'x'));
  server_.reply = "HTTP/1.1 200 OK\r\n";
  auto probe = begin();
  EXPECT_TRUE(succeeds());
}

TEST_F(HttpProbeTest, GivesUpAServerThatDoesNotAnswerAndAsksAgain) {
  server_.reply = "";
  auto probe = begin();
  Millis start = steady_now();
  EXPECT_TRUE(eventually([&] { return server_.connections == 2; }, [this] { turn(), server_.turn(); }));
  EXPECT_GE(steady_now() - start, Millis(2'200));
  server_.reply = "HTTP/1.1 200 OK\r\n";
  EXPECT_TRUE(succeeds());
}

TEST(HttpStatus, IsThreeDigitsBehindAVersion) {
  EXPECT_EQ(200, http_status("HTTP/1.1 200 OK"));
  EXPECT_EQ(599, http_status("HTTP/1.0 599\r"));
  for (const char* line : {"", "HTTP/1.1", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 2x0 OK", "HTTP/2 200 OK",
                           "http/1.1 200 OK", "HTTP/1.1  200", "HTTP/1.x 200 OK"})
    EXPECT_EQ(std::nullopt, http_status(line)) << line;
}

// --- cmd

struct CmdProbeTest : ProbeTest {
  Commands commands() {
    return {[this](const string& command) { return start(command); },
            [](int pid, int pidfd) { return collect(pid, pidfd); }};
  }
  std::optional<StartedCommand> start(const string& command) {
    static const char* const environment[] = {"PATH=/usr/bin:/bin", nullptr};
    ++started_;
    if (fails_to_start_) return std::nullopt;
    SpawnPlan plan({"/bin/sh", "-c", command}, environment, {}, place_.path());
    Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    auto result = spawn(plan, {null.get(), output_.writing.get(), output_.writing.get()});
    auto* spawned = std::get_if<Spawned>(&result);
    if (spawned == nullptr) return std::nullopt;
    return StartedCommand{spawned->pid, std::move(spawned->pidfd)};
  }
  std::unique_ptr<Probe> begin(const string& command, Millis limit = kLimit) {
    auto probe = cmd_probe(io_, command, commands(), limit, success());
    probe->start();
    return probe;
  }
  /// A number that the command has written into a file.
  int number(const string& file) {
    eventually([&] { return read_text(place_ / file).ends_with('\n'); }, [this] { turn(); });
    return std::atoi(read_text(place_ / file).c_str());
  }
  static bool ended(int pid) {
    return eventually([&] { return !process_start(pid); });
  }
  void TearDown() override {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }

  Place place_;
  Pipe output_;
  int started_ = 0;
  bool fails_to_start_ = false;
};

TEST_F(CmdProbeTest, SucceedsWithACommandThatEndsWithZero) {
  auto probe = begin("test -d . && exit 0");
  EXPECT_TRUE(succeeds());
  EXPECT_EQ(1, started_);
  EXPECT_EQ(0, probe->pid());
}

TEST_F(CmdProbeTest, TriesACommandAgainUntilItSucceeds) {
  auto probe = begin("test -e up || { touch up; exit 1; }");
  EXPECT_TRUE(succeeds());
  EXPECT_EQ(2, started_);
}

TEST_F(CmdProbeTest, DoesNotTakeASignalForASuccess) {
  auto probe = begin("kill -TERM $$");
  EXPECT_TRUE(eventually([&] { return started_ == 3; }, [this] { turn(); }));
  EXPECT_EQ(0, successes_);
}

TEST_F(CmdProbeTest, TriesAgainWhatCouldNotBeStarted) {
  fails_to_start_ = true;
  auto probe = begin("true");
  EXPECT_TRUE(eventually([&] { return started_ == 2; }, [this] { turn(); }));
  fails_to_start_ = false;
  EXPECT_TRUE(succeeds());
}

TEST_F(CmdProbeTest, KillsACommandThatTakesTooLongWithItsGroup) {
  auto probe = begin("sleep 1000 & echo $! >below; wait", Millis(300));
  int below = number("below");
  EXPECT_TRUE(eventually([&] { return started_ == 2; }, [this] { turn(); }));
  EXPECT_TRUE(ended(below));
}

TEST_F(CmdProbeTest, KillsWhatIsRunningWhenItIsStopped) {
  auto probe = begin("echo $$ >shell; sleep 1000 & echo $! >below; wait");
  int below = number("below");
  EXPECT_EQ(number("shell"), probe->pid());
  int shell = probe->pid();
  probe->stop();
  EXPECT_EQ(0, probe->pid());
  EXPECT_TRUE(ended(below));
  EXPECT_EQ(shell, waitpid(shell, nullptr, 0)) << "to be reaped like any stranger";
}

TEST_F(CmdProbeTest, KillsWhatACommandLeavesBehind) {
  auto probe = begin("sleep 1000 >/dev/null & echo $! >below");
  int below = number("below");
  EXPECT_TRUE(succeeds());
  EXPECT_TRUE(ended(below));
}

TEST_F(CmdProbeTest, IsMadeForAConditionOfItsKind) {
  auto condition = [](const char* text) { return *ReadyCondition::parse(text); };
  Server server;
  string port = std::to_string(server.port());
  for (const string& text : {string("cmd:true"), "tcp:" + port, "http:" + port + "/x"}) {
    successes_ = 0;
    auto probe = probe_for(io_, condition(text.c_str()), {commands(), kLimit}, success());
    ASSERT_NE(nullptr, probe) << text;
    probe->start();
    EXPECT_TRUE(succeeds([&] { server.turn(); })) << text;
  }
  EXPECT_NE(string::npos, server.asked.find("GET /x "));
  for (const char* text : {"secs", "notify", "fd:3", "log:x"})
    EXPECT_EQ(nullptr, probe_for(io_, condition(text), {commands(), kLimit}, success())) << text;
}

}  // namespace
}  // namespace keeper
