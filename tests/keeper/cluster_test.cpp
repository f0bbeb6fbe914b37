// Workers of node's cluster module without a master: programs that do not know of it share what they listen
// at.
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>

#include "tests/keeper/support/follower.hpp"
#include "tests/keeper/support/http.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

const string kServes = CHILD_SCRIPTS "/serves.js";

/// How many connections may wait at `port`, by a listening socket that `pid` has open; nothing where it has
/// none, or where nobody may look (pidfd_getfd(2)).
std::optional<unsigned> backlog_at(int port, int pid) {
  const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  for (int number = 3; number < 64; ++number) {
    const Fd socket(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd.get(), number, 0)));
    sockaddr_in where{};
    socklen_t size = sizeof where;
    if (!socket || getsockname(socket.get(), reinterpret_cast<sockaddr*>(&where), &size) != 0 ||
        ntohs(where.sin_port) != port)
      continue;
    tcp_info info{};
    size = sizeof info;
    if (getsockopt(socket.get(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_LISTEN)
      return info.tcpi_sacked;  // of one that listens it is its backlog (tcp_get_info in the kernel)
  }
  return {};
}

TEST(Cluster, WorkersShareAPortAndKnowWhoTheyAre) {
  Sandbox box;
  box.detach("api", {"-i", "3", kServes, "0"});
  const int port = port_of(box, "api");
  std::set<int> ids;
  std::set<string> instances;
  for (const char* stem : {"api", "api:1", "api:2"}) {
    const Json said = listening(box, stem);
    EXPECT_EQ(port, said["at"]["port"].get<int>()) << "port 0 is the same one for all";
    EXPECT_TRUE(said["worker"].get<bool>());
    ids.insert(said["id"].get<int>());
    instances.insert(said["instance"].get<string>());
  }
  EXPECT_EQ((std::set<int>{1, 2, 3}), ids);
  EXPECT_EQ((std::set<string>{"0", "1", "2"}), instances);
  std::set<int> all;
  EVENTUALLY((all.merge(who_answers(port, 30)), all.size() == 3));
}

TEST(Cluster, IsWhatOneInstanceIsWhenAskedFor) {
  Sandbox box;
  box.detach("one", {kServes, "0"});
  EXPECT_FALSE(listening(box, "one")["worker"].get<bool>());
  box.detach("worker", {"--cluster", kServes, "0"});
  EXPECT_TRUE(listening(box, "worker")["worker"].get<bool>());
  EXPECT_EQ(box.pid("worker"), Json::parse(get(port_of(box, "worker")))["pid"].get<int>());
}

TEST(Cluster, IsNoneWhereItIsTurnedOff) {
  Sandbox box;
  const string port = std::to_string(free_port());
  box.detach("api", {"-i", "2", "--no-cluster", "--restart", "never", kServes, port});
  EVENTUALLY(has(box.log("api") + box.log("api:1"), "error EADDRINUSE listen") &&
             has(box.log("api") + box.log("api:1"), "listening {\"pid\""));
}

TEST(Cluster, OfAnotherProgramIsRefused) {
  Sandbox box;
  Outcome out = box.keeper({"-d", "--cluster", "sleep", "9"});
  EXPECT_EQ(2, out.code);
  EXPECT_TRUE(has(out.err, "--cluster: only a program that node runs")) << out.err;
}

TEST(Cluster, APortInUseIsAnErrorAsNodeHasIt) {
  Sandbox box;
  Fd taken;
  const int port = free_port(&taken);
  Follower follower(box);
  box.detach("api", {"--cluster", kServes, "127.0.0.1:" + std::to_string(port)});
  EVENTUALLY(box.logged("api", "error EADDRINUSE bind"));
  ASSERT_TRUE(follower.comes("api", "now"));
  ASSERT_EQ(0, box.ctl({"restart", "api"}).code);
  EXPECT_TRUE(follower.says("api", "listen_failed",
                            "tcp 127.0.0.1:" + std::to_string(port) + ": Address already in use"))
      << follower.all();
}

TEST(Cluster, OfTwoAppsThatWantAPortAtTheSameTimeOneHasIt) {
  Sandbox box;
  for (int i = 0; i < repeats(5); ++i) {
    const string first = "a" + std::to_string(i), second = "b" + std::to_string(i);
    const string port = "127.0.0.1:" + std::to_string(free_port());
    auto begin = [&](const string& name) {
      return box.start({.words = {program("keeper"), "-n", name, "--cluster", kServes, port}});
    };
    Background one = begin(first), other = begin(second);
    auto count = [&](const char* text) { return count_of(box.log(first) + box.log(second), text); };
    EVENTUALLY(count("listening {") == 1 && count("error EADDRINUSE bind") >= 1);  // it tries again
    one.signal(SIGTERM), other.signal(SIGTERM);
    EXPECT_TRUE(one.wait() && other.wait());
  }
}

TEST(Cluster, APortForRootAloneIsAnErrorAsNodeHasIt) {
  int first_free = 1024;
  std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> first_free;
  if (first_free <= 1) GTEST_SKIP() << "no port is for root alone here";
  Sandbox box;
  NEEDS_REACH(program("keeper"));
  if (geteuid() == 0) box.give_to_nobody();
  Background keeper =
      box.start(as_nobody({program("keeper"), "-n", "api", "--cluster", kServes, "127.0.0.1:1"}));
  EVENTUALLY(box.logged("api", "error EACCES bind"));
  keeper.signal(SIGTERM);
  EXPECT_TRUE(keeper.wait());
}

TEST(Cluster, AsManyConnectionsMayWaitAsTheProgramSays) {
  Sandbox box;
  box.detach("api", {"--cluster", kServes, "127.0.0.1:0"});
  const auto backlog = backlog_at(port_of(box, "api"), box.pid("api"));
  if (!backlog) GTEST_SKIP() << "nobody may look at another's sockets here";
  EXPECT_EQ(100u, *backlog) << "as serves.js says";
}

/// 0 or the error of connecting there; EAGAIN where nobody accepts and too many wait already (connect(2)).
int connect_to(const string& path, Fd& socket) {
  socket = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), to.sun_path);
  return connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 ? 0 : errno;
}

bool answers(const string& path) {
  Fd socket;
  if (connect_to(path, socket) != 0) return false;
  fcntl(socket.get(), F_SETFL, 0);
  return !get(std::move(socket)).empty();
}

TEST(Cluster, SharesASocketInTheFileSystemAndTakesItAlong) {
  Sandbox box;
  const string path = (box.work() / "api.sock").string();
  box.detach("api", {"-i", "2", "--umask", "007", kServes, path});
  EXPECT_EQ(path, listening(box, "api")["at"].get<string>());
  EXPECT_EQ(path, listening(box, "api:1")["at"].get<string>());
  EXPECT_EQ(fs::perms(0770), fs::status(path).permissions());
  EXPECT_TRUE(answers(path));
  ASSERT_EQ(0, box.ctl({"stop", "api:0"}).code);
  EXPECT_TRUE(answers(path)) << "the other one has it still";
  ASSERT_EQ(0, box.ctl({"stop", "api:1"}).code);
  EXPECT_FALSE(fs::exists(path));
}

TEST(Cluster, AReloadThatFailsChangesNothingAboutWhatIsListenedAt) {
  Sandbox box;
  const string old_place = (box.work() / "old").string(), new_place = (box.work() / "new").string();
  auto set_version = [&](const char* places, const char* then) {
    write_text(box.work() / "version", string(places) + " " + then);
  };
  write_text(box.work() / "api.js", R"(
    const [places, then] = require('fs').readFileSync(__dirname + '/version', 'utf8').split(' ');
    let left = places.split(',').length;
    for (const place of places.split(','))
      require('http').createServer((_, response) => response.end(place)).listen(__dirname + '/' + place, () => {
        if (--left > 0) return;
        if (then === 'fails') process.exit(1);
        process.send('ready');
        if (then === 'dies') setTimeout(() => process.exit(1), 300);
      });
  )");
  set_version("old", "serves");
  box.detach("api", {"--cluster", "--ready", "node", (box.work() / "api.js").string()});
  const int pid = box.pid("api");
  set_version("old,new", "fails");
  EXPECT_EQ(1, box.ctl({"reload", "api"}).code);
  EVENTUALLY(!fs::exists(new_place));  // nobody would ever accept
  set_version("new", "dies");
  EXPECT_EQ(1, box.ctl({"reload", "api", "--canary", "20s"}).code);
  EVENTUALLY(!fs::exists(new_place));
  EXPECT_EQ(pid, box.pid("api"));
  EXPECT_TRUE(answers(old_place));
  set_version("old", "serves");
  Outcome out = box.ctl({"scale", "api", "2"});
  EXPECT_EQ(0, out.code) << "what the old run listens at is held: " << out.all();
}

/// Most programs remove the path first: what an earlier life left would be in the way.
constexpr const char* kRemovesItsPath = R"(
  const path = __dirname + '/api.sock';
  try { require('fs').unlinkSync(path); } catch {}
  require('http').createServer((_, response) => response.end(String(process.pid)))
    .listen(path, () => { console.log('listening at it'); process.send('ready'); });
)";

string whom(const string& path) {
  Fd socket;
  if (connect_to(path, socket) != 0) return "";
  fcntl(socket.get(), F_SETFL, 0);
  return get(std::move(socket));
}

TEST(Cluster, ASocketWhoseFileIsGoneIsNotHandedOut) {
  Sandbox box;
  const string path = (box.work() / "api.sock").string();
  write_text(box.work() / "api.js", kRemovesItsPath);
  box.detach("api", {"--cluster", "--ready", "node", "api.js"});
  EXPECT_EQ(std::to_string(box.pid("api")), whom(path));
  for (const Words& words : {Words{"restart", "api", "--wait"}, Words{"reload", "api"}}) {
    ASSERT_EQ(0, box.ctl(words).code);
    EXPECT_EQ(std::to_string(box.pid("api")), whom(path)) << words[0];
  }
  EXPECT_EQ(Words(), box.status("api")->cut_off);
  ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_FALSE(fs::exists(path));
}

TEST(Cluster, NorIsThatOfASibling) {
  Sandbox box;
  const string path = (box.work() / "api.sock").string();
  write_text(box.work() / "api.js", kRemovesItsPath);
  box.detach("api", {"-i", "2", "--ready", "node", "api.js"});
  for (const auto& [last, other] : {std::pair<string, string>{"api:1", "api"}, {"api", "api:1"}}) {
    ASSERT_EQ(0, box.ctl({"restart", last == "api" ? "api:0" : last, "--wait"}).code);
    EXPECT_EQ(std::to_string(box.pid(last)), whom(path)) << "it has removed the path last";
    EXPECT_EQ(Words(), box.status(last)->cut_off);
    EXPECT_EQ(Words{path}, box.status(other)->cut_off);
  }
  const Outcome doctor = box.ctl({"doctor", "api"});
  EXPECT_TRUE(has(doctor.out, "nobody can connect to " + path)) << doctor.all();
}

/// Its file is there, and is another's.
TEST(Cluster, NorIsASocketWhosePathIsAnothersByNow) {
  Sandbox box;
  const string path = (box.work() / "api.sock").string();
  box.detach("api", {"--cluster", kServes, path});
  listening(box, "api");
  fs::remove(path);
  Fd other(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), to.sun_path);
  ASSERT_EQ(0, bind(other.get(), reinterpret_cast<sockaddr*>(&to), sizeof to));
  ASSERT_EQ(0, box.ctl({"restart", "api"}).code);
  EVENTUALLY(box.logged("api", "error EADDRINUSE bind"));
}

TEST(Cluster, AServerThatIsClosedRefusesConnections) {
  Sandbox box;
  const string path = (box.work() / "own").string();
  write_text(box.work() / "api.js", R"(
    const http = require('http'), where = process.argv[2] || 0;
    const open = (then) => { const server = http.createServer((_, response) => {
      response.setHeader('Connection', 'close'); response.end('up'); }); server.listen(where, () => then(server)); };
    open((server) => {
      console.log('listening ' + JSON.stringify({ at: server.address() }));
      process.on('message', (word) => word === 'close'
        ? server.close(() => console.log('closed'))
        : open((next) => { server = next; console.log('again ' + JSON.stringify(server.address())); }));
    });
  )");
  box.detach("api", {"-i", "2", "api.js"});
  box.detach("own", {"--cluster", "api.js", path});
  listening(box, "own");
  const int port = port_of(box, "api");
  EXPECT_EQ(port, port_of(box, "api:1"));
  ASSERT_EQ(0, box.ctl({"send", "api:0", "\"close\""}).code);
  EVENTUALLY(box.logged("api", "closed"));
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ("up", get(port)) << "the other one has it";
  ASSERT_EQ(0, box.ctl({"send", "api:1", "own", "\"close\""}).code);
  EVENTUALLY(!connected_to(port) && !fs::exists(path));
  ASSERT_EQ(0, box.ctl({"send", "own", "\"again\""}).code);
  EVENTUALLY(box.logged("own", "again \"" + path + "\""));
  EXPECT_TRUE(answers(path));
}

/// Only a port that was closed just now may be free in a moment.
TEST(Cluster, APortInUseIsAnErrorAtOnceWhenAnotherOneWasClosed) {
  Sandbox box;
  write_text(box.work() / "api.js", R"(
    const net = require('net');
    const other = new net.Server(), busy = Number(process.argv[2]);
    let least = 1e9, tries = 5;
    const next = () => other.listen(0, () => other.close(() => {
      const began = Date.now();
      net.createServer().on('error', (error) => {
        least = Math.min(least, Date.now() - began);
        if (--tries > 0) return next();
        console.log('least ' + (least + 1) + ' ms: ' + error.code);
      }).listen(busy);
    }));
    next();
    setInterval(() => {}, 1000);
  )");
  const Fd taken(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(0, listen(taken.get(), 1));  // at a port that the kernel chooses
  sockaddr_in6 at{};
  socklen_t size = sizeof at;
  ASSERT_EQ(0, getsockname(taken.get(), reinterpret_cast<sockaddr*>(&at), &size));
  box.detach("api", {"--cluster", "api.js", std::to_string(ntohs(at.sin6_port))});
  EVENTUALLY(box.logged("api", " ms: EADDRINUSE"));
  EXPECT_GT(400, box.logged_pid("api", "least")) << "milliseconds";
}

/// By a signal or of its own accord: what it listens at is for the next run.
TEST(Cluster, ARestartOfAWorkerThatClosesItsServerRefusesNobody) {
  Sandbox box;
  write_text(box.work() / "api.js", R"(
    const { worker } = require('cluster');
    const server = require('http').createServer((_, response) => response.end(String(process.pid)));
    server.listen(0, () => console.log('listening ' + JSON.stringify({ at: server.address() })));
    process.on('SIGTERM', () => server.close(() => setTimeout(() => process.exit(0), 200)));
    process.on('message', () => { worker.on('disconnect', () => setTimeout(() => process.exit(0), 200)); worker.disconnect(); });
  )");
  box.detach("api", {"--cluster", "--restart-delay", "100ms", "api.js"});
  const int port = port_of(box, "api");
  Asking asking(port);
  for (const Words& words : {Words{"restart", "api"}, Words{"send", "api", "1"}}) {
    const int pid = box.pid("api");
    ASSERT_EQ(0, box.ctl(words).code);
    EVENTUALLY(box.runs_another("api", pid) && get(port) == std::to_string(box.pid("api")));
  }
  asking.end();
  EXPECT_EQ(0, asking.failed());
}

TEST(Cluster, APortOfDatagramsMayBeAText) {
  Sandbox box;
  Fd free(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in any = at(0);
  socklen_t size = sizeof any;
  ASSERT_EQ(0, bind(free.get(), reinterpret_cast<sockaddr*>(&any), size));
  getsockname(free.get(), reinterpret_cast<sockaddr*>(&any), &size);
  const string port = std::to_string(ntohs(any.sin_port));
  free.reset();
  write_text(box.work() / "udp.js",
             "const d = require('dgram').createSocket('udp4');"
             "d.on('error', (error) => console.log('error ' + error.code));"
             "d.bind(process.argv[2], () => console.log('bound ' + d.address().port));");
  box.detach("api", {"--cluster", "udp.js", port});
  EVENTUALLY(box.logged("api", "bound " + port + "\n"));
  box.detach("bad", {"--cluster", "udp.js", "http"});
  EVENTUALLY(box.logged("bad", "error EINVAL"));
}

TEST(Cluster, SharesDatagrams) {
  Sandbox box;
  box.detach("api", {"-i", "2", kServes, "udp:0"});
  const int port = port_of(box, "api");
  EXPECT_EQ(port, port_of(box, "api:1"));
  Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in to = at(port);
  ASSERT_EQ(0, connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to));
  ASSERT_EQ(1, send(socket.get(), "?", 1, 0));
  timeval limit{20, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  char bytes[1000];
  const ssize_t got = recv(socket.get(), bytes, sizeof bytes, 0);
  ASSERT_GT(got, 0);
  EXPECT_TRUE(Json::parse(string(bytes, static_cast<std::size_t>(got)))["worker"].get<bool>());
}

TEST(Cluster, WhatAWorkerWantsForItselfIsItsOwn) {
  Sandbox box;
  const string port = std::to_string(free_port());
  box.detach("api", {"-i", "2", kServes, "127.0.0.1:" + port, "exclusive"});
  EVENTUALLY(has(box.log("api") + box.log("api:1"), "error EADDRINUSE listen") &&
             has(box.log("api") + box.log("api:1"), "listening {\"pid\""));
}

TEST(Cluster, WorkersMayHaveASocketEach) {
  Sandbox box;
  const int port = free_port();
  box.detach("api", {"-i", "2", "--listen-mode", "reuseport", kServes, "127.0.0.1:" + std::to_string(port)});
  listening(box, "api"), listening(box, "api:1");
  std::set<int> all;
  EVENTUALLY((all.merge(who_answers(port, 30)), all.size() == 2));
}

TEST(Cluster, ARestartOfTheOnlyWorkerRefusesNobody) {
  Sandbox box;
  box.detach("api", {"--cluster", "--ready", "node", kServes, "0", "ready"});
  const int port = port_of(box, "api");
  for (int i = 0; i < 3; ++i) {
    const int before = box.pid("api");
    kill(before, SIGKILL);
    const Json answer = Json::parse(get(port), nullptr, false);
    ASSERT_TRUE(answer.is_object()) << i;
    EXPECT_NE(before, answer["pid"].get<int>());
  }
  EXPECT_EQ(3u, box.status("api")->restarts);
}

TEST(Cluster, NobodyNoticesThatKeepersAndGuardsAreKilled) {
  Sandbox box;
  box.detach("api", {"-i", "2", kServes, "0"});
  const int port = port_of(box, "api");
  listening(box, "api:1");
  const int first = box.pid("api"), second = box.pid("api:1");
  Asking asking(port);
  for (int i = 0; i < repeats(8); ++i) {
    const string stem = i % 2 == 0 ? "api" : "api:1";
    const int victim = i % 4 < 2 ? box.guard_pid(stem) : box.keeper_pid(stem);
    kill(victim, SIGKILL);
    EVENTUALLY(box.keeper_pid(stem) > 0 && box.guard_pid(stem) > 0 && box.keeper_pid(stem) != victim &&
               box.guard_pid(stem) != victim);
  }
  asking.end();
  EXPECT_GT(asking.asked(), 0);
  EXPECT_EQ(0, asking.failed());
  EXPECT_EQ(first, box.pid("api"));
  EXPECT_EQ(second, box.pid("api:1"));
  kill(first, SIGKILL);
  EVENTUALLY(box.runs_another("api", first) && count_of(box.log("api"), "listening {") == 2);
  EXPECT_EQ(port, port_of(box, "api")) << "the socket went from keeper to keeper";
}

/// The keeper holds a limited number of sockets for a program, and the program gets an error for the next.
TEST(Cluster, TheSocketsThatAKeeperHoldsAreCountedAtTheDoor) {
  rlimit files{};
  ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &files));
  if (files.rlim_max < 1000) GTEST_SKIP() << "needs a hard limit of 1000 descriptors";
  Sandbox box;
  write_text(box.work() / "many.js",
             "const net = require('net');\n"
             "const count = {};\n"
             "const next = (i) => {\n"
             "  if (i === 300) return console.log('sockets', JSON.stringify(count));\n"
             "  const note = (what) => { count[what] = (count[what] || 0) + 1; next(i + 1); };\n"
             "  const server = net.createServer((c) => c.end('up'));\n"
             "  server.on('error', (error) => note(error.code));\n"
             "  server.listen('./s' + i, () => note('good'));\n"
             "};\n"
             "process.on('message', () => next(0));\nprocess.send('ready');\n");
  box.detach("api", {"--cluster", "--ready", "node", "many.js"});
  Follower follower(box);
  ASSERT_TRUE(follower.comes("api", "now"));
  EXPECT_EQ(0, box.ctl({"send", "api", "1"}).code);
  EVENTUALLY(box.logged("api", "sockets {"));
  EXPECT_TRUE(box.logged("api", R"(sockets {"good":256,"EMFILE":44})")) << box.log("api");
  EXPECT_TRUE(follower.comes("api", "listen_failed")) << follower.all();
  EXPECT_FALSE(box.status("api")->at_risk);
  const int pid = box.pid("api"), keeper = box.keeper_pid("api");
  kill(keeper, SIGKILL);
  EVENTUALLY(box.keeper_pid("api") != keeper && box.state("api") == "running");
  EXPECT_EQ(pid, box.pid("api"));
  box.kill_keeper("api");
  EXPECT_EQ(0, box.ctl({"start", "api"}).code);
  EXPECT_EQ(pid, box.pid("api"));
  EXPECT_FALSE(box.status("api")->at_risk);
}

/// The state page has room for 192 KiB, of which a worker may give 4 KiB along with each socket.
TEST(Cluster, ASocketThatTheStatePageHasNoRoomForIsRefusedWhoeverHasOpenedIt) {
  Sandbox box;
  write_text(
      box.work() / "many.js",
      "const net = require('net');\n"
      "const listen = (path, next) => {\n"
      "  const server = net.createServer();\n"
      "  server._getServerData = () => 'x'.repeat(4000);\n"
      "  server.on('error', (error) => next(error.code)).listen(path, () => next('good'));\n"
      "};\n"
      "const fill = (i) => listen('./s' + i, (what) => what === 'good' ? fill(i + 1)\n"
      "                                                              : console.log('after', i, what));\n"
      "process.on('message', (m) => m === 'fill' ? fill(0) : listen(m, (what) => console.log(m, what)));\n"
      "process.send('ready');\n");
  box.detach("api", {"-i", "2", "--cluster", "--ready", "node", "many.js"});
  EXPECT_EQ(0, box.ctl({"send", "api:0", "\"./shared\""}).code);
  EVENTUALLY(box.logged("api", "./shared good"));
  EXPECT_EQ(0, box.ctl({"send", "api:1", "\"fill\""}).code);
  EVENTUALLY(box.logged("api:1", "after "));
  ASSERT_TRUE(box.logged("api:1", "ENOBUFS")) << box.log("api:1");
  const string log = box.log("api:1");
  const string number = log.substr(log.find("after ") + 6, log.find(" ENOBUFS") - log.find("after ") - 6);
  EXPECT_TRUE(fs::exists(box.work() / "s0"));
  EXPECT_FALSE(fs::exists(box.work() / ("s" + number))) << "no file is left of it";
  EXPECT_EQ(0, box.ctl({"send", "api:1", "\"./shared\""}).code);
  EVENTUALLY(box.logged("api:1", "./shared "));
  EXPECT_TRUE(box.logged("api:1", "./shared ENOBUFS")) << box.log("api:1");
  EXPECT_TRUE(fs::exists(box.work() / "shared")) << "the sibling has it";
  EXPECT_FALSE(box.status("api:1")->at_risk);
  EXPECT_FALSE(box.logged("api:1", "nobody can go on")) << "what is kept is recorded";
}

TEST(Cluster, BothHalvesKilledTheSocketIsFoundWithTheProgram) {
  Sandbox box;
  box.detach("api", {"--cluster", kServes, "0"});
  const int port = port_of(box, "api"), pid = box.pid("api");
  box.kill_keeper("api");
  ASSERT_EQ(0, box.ctl({"start", "api"}).code);
  EXPECT_EQ(pid, box.pid("api"));
  kill(pid, SIGKILL);
  EVENTUALLY(box.runs_another("api", pid) && count_of(box.log("api"), "listening {") == 2);
  EXPECT_EQ(port, port_of(box, "api"));
}

TEST(Cluster, AWorkerMayLeaveOfItsOwnAccord) {
  Sandbox box;
  const fs::path script = box.work() / "leaves.js";
  write_text(script,
             "const c = require('cluster'); require('http').createServer().listen(0, () => {"
             "c.worker.on('disconnect', () => console.log('left ' + c.worker.exitedAfterDisconnect));"
             "c.worker.disconnect(); })");
  box.detach("api", {"--cluster", "--restart", "never", "--start-secs", "0", script.string()});
  EVENTUALLY(box.state("api") == "exited");
  EXPECT_TRUE(box.logged("api", "left true")) << box.log("api");
  EXPECT_EQ(ExitInfo::code(0), box.status("api")->last_exit->exit);
}

TEST(Cluster, AnswersOverTlsToo) {
  Sandbox box;
  const fs::path key = box.work() / "key.pem", cert = box.work() / "cert.pem", script = box.work() / "tls.js";
  const Outcome made =
      box.run({{"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key.string(), "-out",
                cert.string(), "-days", "2", "-subj", "/CN=localhost"}});
  if (made.code != 0) GTEST_SKIP() << "no openssl: " << made.err;
  write_text(script, "const fs = require('fs'); require('https').createServer({key: fs.readFileSync('" +
                         key.string() + "'), cert: fs.readFileSync('" + cert.string() +
                         "')}, (q, r) => r.end('tls')).listen(0, function () {"
                         "console.log('listening ' + JSON.stringify({at: this.address()})); })");
  box.detach("api", {"-i", "2", script.string()});
  const int port = port_of(box, "api");
  EXPECT_EQ(port, port_of(box, "api:1"));
  const Outcome asked = box.run({{"node", "-e",
                                  "require('https').get({port: " + std::to_string(port) +
                                      ", rejectUnauthorized: false}, r => r.pipe(process.stdout))"}});
  EXPECT_EQ("tls", asked.out) << asked.all();
}

TEST(Cluster, AnswersOverHttp2Too) {
  Sandbox box;
  const fs::path script = box.work() / "two.js";
  write_text(script,
             "require('http2').createServer((q, r) => r.end('two ' + require('cluster').isWorker)).listen(0, "
             "function () { console.log('listening ' + JSON.stringify({at: this.address()})); })");
  box.detach("api", {"-i", "2", script.string()});
  const int port = port_of(box, "api");
  EXPECT_EQ(port, port_of(box, "api:1"));
  const Outcome asked =
      box.run({{"node", "-e",
                "const c = require('http2').connect('http://127.0.0.1:" + std::to_string(port) +
                    "'), r = c.request(); r.pipe(process.stdout); r.on('end', () => c.close())"}});
  EXPECT_EQ("two true", asked.out) << asked.all();
}

TEST(Cluster, ADescriptorIsOneOfThoseThatWereListenedAtForIt) {
  Sandbox box;
  const fs::path script = box.work() / "three.js";
  write_text(script,
             "require('http').createServer((q, r) => r.end('three')).on('error', e => console.log(e.code))"
             ".listen({fd: +process.argv[2]}, () => console.log('listening at it'))");
  const int port = free_port();
  const string listen = "tcp:127.0.0.1:" + std::to_string(port);
  box.detach("api", {"--cluster", "--listen", listen, script.string(), "3"});
  EVENTUALLY(box.logged("api", "listening at it"));
  EXPECT_EQ("three", get(port));
  const int pid = box.pid("api");
  kill(pid, SIGKILL);
  EXPECT_EQ("three", get(port)) << "it waits for the next run";
  EXPECT_TRUE(box.runs_another("api", pid));
  box.detach("other", {"--cluster", script.string(), "3"});
  EVENTUALLY(box.logged("other", "EBADF"));
}

constexpr const char* kIsWorker =
    "console.log('worker ' + require('cluster').isWorker); setInterval(() => {}, 1000)";

TEST(Cluster, IsNoneOfWhatNodeMakesNoWorkerOfAndThatIsSaid) {
  Sandbox box;
  Outcome out =
      box.keeper({"-d", "-n", "api", "-i", "2", "--start-secs", "0", "--", "node", "-e", kIsWorker});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(has(out.err, "keeper: these 2 instances share no port: node runs no file here")) << out.err;
  EVENTUALLY(box.logged("api", "worker false") && box.logged("api:1", "worker false"));
}

TEST(Cluster, IsOfAFileThatNodeIsGivenBehindOptions) {
  Sandbox box;
  write_text(box.work() / "x.js", kIsWorker);
  write_text(box.work() / "hook.mjs", "");
  int count = 0;
  for (const Words& options : {Words{"--max-old-space-size=300"}, Words{"--import", "./hook.mjs"}}) {
    const string name = "app" + std::to_string(++count);
    Words words = {"-i", "2", "--", "node"};
    words.insert(words.end(), options.begin(), options.end());
    words.emplace_back("x.js");
    box.detach(name, words);
    EVENTUALLY(box.logged(name, "worker true") && box.logged(name + ":1", "worker true"));
  }
}

/// npm and its like start the program as a child, which is no worker.
TEST(Cluster, IsNoneOfWhatALauncherStartsAndThatIsSaid) {
  Sandbox box;
  std::filesystem::create_directory(box.work() / "bin");
  const std::pair<const char*, const char*> all[] = {{"npm", "package.json: keeper -d -i N -- node FILE"},
                                                     {"tsx", "keeper -d -i N -- node --import tsx x.ts"},
                                                     {"ts-node", "-- node -r ts-node/register x.ts"}};
  for (const auto& [name, instead] : all) {
    write_text(box.work() / "bin" / name, string("#!/usr/bin/env node\n") + kIsWorker, 0700);
    Outcome out =
        box.keeper({"-d", "-n", name, "-i", "2", "--start-secs", "0", string("bin/") + name, "x.ts"});
    EXPECT_TRUE(has(out.err, string(name) + " starts the program as a child process; give ")) << out.err;
    EXPECT_TRUE(has(out.err, instead)) << out.err;
    EVENTUALLY(box.logged(name, "worker false"));
  }
  Outcome quiet =
      box.keeper({"-d", "-n", "quiet", "-i", "2", "--no-cluster", "--start-secs", "0", "bin/npm", "x"});
  EXPECT_EQ("", quiet.err);
}

/// As `ctl reload` says it.
TEST(Cluster, WhoHasThePortIsSaidWhereASecondInstanceCannotHaveIt) {
  Sandbox box;
  const string port = std::to_string(free_port());
  write_text(box.work() / "srv.js", "require('http').createServer().listen(" + port +
                                        ", '127.0.0.1', () => console.log('listens'))\n");
  write_text(box.work() / "launcher.js",
             "require('child_process').spawn(process.execPath, ['srv.js'], {stdio: 'inherit'})"
             ".on('exit', code => process.exit(code))\n");
  box.detach("api", {"--ready", "log:listens", "launcher.js"});
  EVENTUALLY(box.logged("api", "listens\n"));
  const string said = "port " + port + " is held by pid ";
  Outcome scaled = box.ctl({"scale", "api", "2"});
  EXPECT_TRUE(has(scaled.err, "keeper: api:1: " + said) && has(scaled.err, "srv.js) of api, "))
      << scaled.all();
  EXPECT_TRUE(has(scaled.err, "give each instance a port of its own")) << scaled.err;
  const string why = box.ctl({"why", "api:1"}).out;
  EXPECT_TRUE(has(why, "It cannot have its port: " + said)) << why;
  EXPECT_FALSE(has(box.ctl({"why", "api:0"}).out, "It cannot have its port"));

  box.ctl({"stop", "api"});
  box.ctl({"delete", "api"});
  Outcome several = box.keeper(
      {"-d", "-n", "web", "-i", "2", "--ready", "log:listens", "--backoff", "20s..20s", "launcher.js"});
  EXPECT_TRUE(has(several.err, said)) << several.all();
  EXPECT_TRUE(has(several.err, "no worker of the cluster, because it is a child of pid ")) << several.all();
  EXPECT_TRUE(has(several.err, "keep it itself: 'keeper -d -i N -- ")) << several.all();
}

/// Where its output does not name the port, the one of the other instance is it.
TEST(Cluster, WhoHasThePortIsSaidOfPythonToo) {
  Sandbox box;
  const string port = std::to_string(free_port());
  write_text(box.work() / "x.py", "import socket, time\ns = socket.create_server(('127.0.0.1', " + port +
                                      "))\nprint('listens', flush=True)\ntime.sleep(1000)\n");
  box.detach("api", {"--ready", "log:listens", "x.py"});
  EVENTUALLY(box.logged("api", "listens\n"));
  Outcome scaled = box.ctl({"scale", "api", "2"});
  EXPECT_TRUE(
      has(scaled.err, "keeper: api:1: port " + port + " is held by pid " + std::to_string(box.pid("api"))))
      << scaled.all();
}

}  // namespace
}  // namespace keeper
