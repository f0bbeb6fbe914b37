// Readiness: a run is confirmed when everything that its spec asks for has been shown, and not before.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/keeper/support/sandbox.hpp"

namespace keeper {
namespace {

using std::string;

/// keeper -d -n api with these words; its outcome.
Outcome begin(Sandbox& box, Words words) {
  words.insert(words.begin(), {"-d", "-n", "api", "--stop-timeout", "2s"});
  return box.keeper(words);
}

/// The same without waiting for it.
Background begin_beside(Sandbox& box, Words words) {
  words.insert(words.begin(), {program("keeper"), "-d", "-n", "api", "--stop-timeout", "2s"});
  return box.start({words});
}

/// A TCP socket of 127.0.0.1 that is bound and does not listen; and its port.
std::pair<Fd, string> bound_port() {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(0, bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
  socklen_t size = sizeof address;
  EXPECT_EQ(0, getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size));
  return {std::move(fd), std::to_string(ntohs(address.sin_port))};
}

/// sh -c this PORT: a process of its listens there, and answers HTTP, once there is a file "go".
constexpr const char* kListensLater =
    "while ! [ -e go ]; do sleep 0.05; done\n"
    "python3 -c 'import sys, http.server as h\n"
    "class A(h.BaseHTTPRequestHandler):\n"
    "  def do_GET(self): self.send_response(204); self.end_headers()\n"
    "h.HTTPServer((\"127.0.0.1\", int(sys.argv[1])), A).serve_forever()' $0 & wait";

TEST(Notify, AReadyMessageConfirmsTheRunAndItsStatusIsShown) {
  Sandbox box;
  Outcome out = begin(box, {"--ready", "notify", child("notifies"), "STATUS=warming up", "sleep:200",
                            "READY=1\\nSTATUS=serving", "barrier"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_GE(out.took, Millis(200));
  EVENTUALLY(box.logged("api", "barrier\n"));
  EXPECT_EQ("serving", box.status("api")->status_text);
  EXPECT_TRUE(has(box.ctl({"show", "api"}).out, "serving"));
}

TEST(Notify, TheSenderMayBeAShortLivedChild) {
  Sandbox box;
  EXPECT_EQ(
      0,
      begin(box, {"--ready", "notify", child("notifies"), "child:STATUS=first", "barrier", "READY=1"}).code);
  EVENTUALLY(box.logged("api", "barrier\n"));
}

TEST(Notify, SystemdNotifyMayHaveLostItsParent) {
  if (access("/usr/bin/systemd-notify", X_OK) != 0) GTEST_SKIP() << "no systemd-notify here";
  Sandbox box;
  const char* script = "( (sleep 0.2; exec systemd-notify --ready) & ); exec sleep 1000";
  Outcome out =
      box.keeper({"-d", "-n", "api", "--ready", "notify", "--ready-timeout", "20s", "sh", "-c", script});
  EXPECT_EQ(0, out.code) << out.all();
}

TEST(Notify, NobodyElseCanSayThatItIsReady) {
  Sandbox box;
  Background wait =
      begin_beside(box, {"--ready", "notify", "sh", "-c", "echo socket $NOTIFY_SOCKET; exec sleep 1000"});
  EVENTUALLY(box.logged("api", "socket @"));
  string log = box.log("api");
  string name = log.substr(log.find("@"));
  name = name.substr(0, name.find('\n'));
  Outcome other =
      box.run({{child("notifies"), "READY=1", "exit:0"}, false, -1, -1, -1, {}, {{"NOTIFY_SOCKET", name}}});
  EXPECT_EQ(0, other.code) << other.all();
  EXPECT_FALSE(has(other.out, "cannot notify"));
  // It has been read: keeper answers after it.
  EXPECT_EQ("starting", box.state("api"));
  EXPECT_TRUE(wait.running());
  wait.signal(SIGINT);
  wait.wait();
}

TEST(Notify, OneThatNeedsLongerSaysSo) {
  Sandbox box;
  Outcome out = begin(box, {"--ready", "notify", "--ready-timeout", "300ms", child("notifies"),
                            "EXTEND_TIMEOUT_USEC=5000000", "sleep:700", "READY=1"});
  EXPECT_EQ(0, out.code) << out.all();
}

TEST(Notify, ReloadingAndStoppingAreShown) {
  Sandbox box;
  EXPECT_EQ(0,
            begin(box, {"--ready", "notify", child("notifies"), "READY=1", "RELOADING=1", "barrier"}).code);
  EVENTUALLY(box.logged("api", "barrier\n"));
  EXPECT_EQ("reloading", box.status("api")->doing);
}

TEST(Notify, TheMainProcessMayMove) {
  Sandbox box;
  EXPECT_EQ(
      0,
      begin(box, {"--ready", "notify", "--backoff", "none", child("notifies"), "fork-main", "READY=1"}).code);
  int main = box.logged_pid("api", "main");
  EVENTUALLY(box.pid("api") == main);
  EXPECT_EQ(0u, box.status("api")->restarts);
  // Its end is the end of the run now.
  kill(main, SIGKILL);
  EVENTUALLY(box.status("api")->restarts == 1);
  EXPECT_EQ(main, box.status("api")->last_exit->pid);
  EXPECT_EQ(ExitInfo::signal(SIGKILL), box.status("api")->last_exit->exit);
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_TRUE(box.processes().empty());
}

TEST(Watchdog, EndsARunThatGivesNoSignOfLife) {
  Sandbox box;
  EXPECT_EQ(0, begin(box, {"--ready", "notify", "--watchdog", "300ms", child("notifies"), "READY=1",
                           "sleep:150", "WATCHDOG=1", "sleep:200", "WATCHDOG=1", "say:alive"})
                   .code);
  EVENTUALLY(box.status("api")->restarts == 1);
  auto end = box.status("api")->last_exit;
  EXPECT_EQ("watchdog", end->cause);
  EXPECT_EQ(ExitInfo::Kind::signal, end->exit.kind);
  EXPECT_EQ(SIGABRT, end->exit.value);
  EXPECT_GE(end->after_ms, 600);
  EXPECT_TRUE(box.logged("api", "alive\n"));
  EXPECT_TRUE(has(box.ctl({"why", "api"}).out, "sign of life"));
}

TEST(Watchdog, LetsAnAppThatSaysSoEndByItself) {
  Sandbox box;
  begin(box, {"--ready", "notify", "--watchdog", "200ms", "--restart", "on-failure", child("notifies"),
              "READY=1", "STOPPING=1", "sleep:600", "exit:0"});
  EVENTUALLY(box.ended("api"));
  EXPECT_EQ("exit", box.status("api")->last_exit->cause);
}

TEST(Watchdog, HoldsItsClockWhileTheAppIsSuspended) {
  Sandbox box;
  EXPECT_EQ(
      0,
      begin(box, {"--ready", "notify", "--watchdog", "400ms", child("notifies"), "READY=1", "suspend"}).code);
  EVENTUALLY(box.state("api") == "suspended");
  Millis since = now();
  EVENTUALLY(now() - since > Millis(1200));  // three times what it has
  EXPECT_EQ("suspended", box.state("api"));
  EXPECT_EQ(0u, box.status("api")->restarts);
  EXPECT_EQ(0, box.ctl({"signal", "CONT", "api"}).code);
  EVENTUALLY(box.status("api")->restarts == 1);  // now it counts what was left
  EXPECT_EQ("watchdog", box.status("api")->last_exit->cause);
  EXPECT_GE(box.status("api")->last_exit->after_ms, 1200);
}

TEST(Ready, TheTimeoutHoldsWhileTheAppIsSuspended) {
  Sandbox box;
  Background starting = begin_beside(box, {"--ready", "notify", "--ready-timeout", "400ms", "--restart",
                                           "never", child("notifies"), "suspend", "READY=1"});
  EVENTUALLY(box.state("api") == "suspended");
  Millis since = now();
  EVENTUALLY(now() - since > Millis(1200));
  EXPECT_TRUE(starting.running()) << starting.out() << starting.err();
  EXPECT_EQ(0, box.ctl({"signal", "CONT", "api"}).code);
  EXPECT_EQ(0, starting.wait()) << starting.err();
  EXPECT_EQ("running", box.state("api"));
}

TEST(Watchdog, AnAppMaySayItselfThatItHangs) {
  Sandbox box;
  EXPECT_EQ(0, begin(box, {"--ready", "notify", "--watchdog", "1m", child("notifies"), "READY=1", "sleep:100",
                           "WATCHDOG=trigger"})
                   .code);
  EVENTUALLY(box.status("api")->restarts >= 1);
  EXPECT_EQ("watchdog", box.status("api")->last_exit->cause);
}

TEST(Ready, ANewlineInItsDescriptorConfirmsTheRun) {
  Sandbox box;
  Outcome out = begin(box, {"--ready", "fd:7", child("notifies"), "sleep:200", "newline:7", "sleep:50",
                            "newline:7", "say:written"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_GE(out.took, Millis(200));
  EVENTUALLY(box.logged("api", "written\n"));
}

TEST(Ready, ALineOfItsOutputConfirmsTheRun) {
  Sandbox box;
  Outcome out = begin(box, {"--ready", "log:^listening on [0-9]+$", "sh", "-c",
                            "echo starting; sleep 0.2; echo listening on 80; exec sleep 1000"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_GE(out.took, Millis(200));
}

/// A program that is ready by its last words and ends at once, a hundred times over: a single run that was
/// not confirmed would be the end of it.
void expect_last_words_count(const string& condition, const string& script) {
  Sandbox box;
  Outcome out = begin(box, {"--ready", condition, "--start-retries", "0", "--backoff", "none",
                            "--max-restarts", "100", "sh", "-c", script});
  EXPECT_EQ(0, out.code) << out.all();
  EVENTUALLY(box.state("api") == "fatal");
  EXPECT_EQ("the limit of 100 restarts is reached", box.status("api")->reason);
}

TEST(Ready, ANewlineThatIsTheLastThingItDoesCounts) {
  expect_last_words_count("fd:3", "echo >&3");
}

TEST(Ready, ALineOfOutputThatIsTheLastThingItDoesCounts) {
  expect_last_words_count("log:^done$", "echo done");
}

TEST(Ready, AConnectionToItsPortConfirmsTheRun) {
  Sandbox box;
  const string port = bound_port().second;
  Background wait = begin_beside(box, {"--ready", "tcp:" + port, "sh", "-c", kListensLater, port});
  EVENTUALLY(box.state("api") == "starting");
  EXPECT_EQ(Words{"tcp:" + port}, box.status("api")->waiting_for);
  write_text(box.work() / "go", "");
  EXPECT_EQ(0, wait.wait().value_or(-1)) << wait.err();
  EXPECT_EQ("running", box.state("api"));
}

/// It was there before: the program, which has no port yet, is not ready by that.
TEST(Ready, AConnectionToAStrangerDoesNot) {
  for (const char* kind : {"tcp:", "http:"}) {
    Sandbox box;
    auto [listener, port] = bound_port();
    ASSERT_EQ(0, listen(listener.get(), 8));
    const string said = kind + port + " is not its own: pid " + std::to_string(getpid()) + " (" +
                        lines_of(read_text("/proc/self/comm")).at(0) + ") answers there";
    Background wait = begin_beside(box, {"--ready", kind + port, "sh", "-c", kListensLater, port});
    EVENTUALLY(box.state("api") == "starting" && box.status("api")->not_ready &&
               has(*box.status("api")->not_ready, said));
    EXPECT_EQ("starting", box.state("api"));
    listener.reset();
    write_text(box.work() / "go", "");
    EXPECT_EQ(0, wait.wait().value_or(-1)) << wait.err();
  }
}

/// What the keeper listens at for its program is the program's own.
TEST(Ready, AConnectionToWhatItsKeeperHoldsDoes) {
  Sandbox box;
  const string port = bound_port().second;
  EXPECT_EQ(
      0, begin(box, {"--listen", "tcp:127.0.0.1:" + port, "--ready", "tcp:" + port, "sleep", "1000"}).code);
}

TEST(Ready, AGoodAnswerOfItsServerConfirmsTheRunAndABadOneDoesNot) {
  Sandbox box;
  auto port = bound_port().second;
  string server =
      "import http.server, os\n"
      "class H(http.server.BaseHTTPRequestHandler):\n"
      "  def do_GET(self):\n"
      "    good = os.path.exists('good') and self.path == '/health'\n"
      "    print('asked', flush=True)\n"
      "    self.send_response(204 if good else 503); self.end_headers()\n"
      "http.server.HTTPServer(('127.0.0.1', " +
      port + "), H).serve_forever()\n";
  Background wait =
      begin_beside(box, {"--ready", "http://127.0.0.1:" + port + "/health", "python3", "-c", server});
  EVENTUALLY(count_of(box.log("api"), "asked\n") >= 2);
  EXPECT_EQ("starting", box.state("api"));
  write_text(box.work() / "good", "");
  EXPECT_EQ(0, wait.wait().value_or(-1)) << wait.err();
}

TEST(Ready, ACommandThatSucceedsConfirmsTheRun) {
  Sandbox box;
  Background wait = begin_beside(box, {"--ready", "cmd:test -e good && test \"$FLAVOUR\" = sweet", "-e",
                                       "FLAVOUR=sweet", "sleep", "1000"});
  EVENTUALLY(box.state("api") == "starting");
  write_text(box.work() / "good", "");
  EXPECT_EQ(0, wait.wait().value_or(-1)) << wait.err();
}

TEST(Ready, ACommandHasTheVariablesThatTheRunWasStartedWith) {
  Sandbox box;
  write_text(box.work() / "env", "FLAVOUR=sweet\n");
  Background wait = begin_beside(
      box, {"--ready", "cmd:echo $FLAVOUR >> tries; test -e good", "--env-file", "env", "sleep", "1000"});
  EVENTUALLY(box.state("api") == "starting");
  write_text(box.work() / "env", "FLAVOUR=sour\n");
  std::filesystem::remove(box.work() / "tries");
  EVENTUALLY(count_of(read_text(box.work() / "tries"), "\n") >= 2);
  write_text(box.work() / "good", "");
  EXPECT_EQ(0, wait.wait().value_or(-1)) << wait.err();
  EXPECT_FALSE(has(read_text(box.work() / "tries"), "sour"));
}

TEST(Ready, ACommandThatHangsIsNoPartOfTheRunAndGoesWithIt) {
  Sandbox box;
  Background wait = begin_beside(box, {"--ready", "cmd:echo $$ > asking; exec sleep 1000", "sleep", "1000"});
  EVENTUALLY(std::filesystem::exists(box.work() / "asking"));
  EVENTUALLY(!read_text(box.work() / "asking").empty());
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  wait.wait();
  EXPECT_TRUE(eventually([&] { return box.processes().empty(); }));
}

TEST(Ready, AllThatWasAskedForHasToBeShown) {
  Sandbox box;
  Outcome out = begin(box, {"--ready", "secs", "--start-secs", "100ms", "--ready", "notify", "--ready",
                            "log:go", child("notifies"), "READY=1", "sleep:300", "say:go"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_GE(out.took, Millis(300));
}

TEST(Ready, WhatIsNotShownInTimeIsAFailedStartThatSaysSo) {
  Sandbox box;
  Outcome out = begin(box, {"--ready", "notify", "--ready", "log:up", "--ready-timeout", "200ms", "--backoff",
                            "1m..1m", child("notifies"), "say:up"});
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(has(out.err, "not ready in time: notify: no READY=1 has come")) << out.err;
  EXPECT_TRUE(has(out.err, "| up")) << out.err;
  EXPECT_EQ("ready timeout", box.status("api")->last_exit->cause);
  EXPECT_EQ(Words{"notify"}, box.status("api")->waiting_for);
}

TEST(Ready, WhatCameOfAskingLastIsToldWhereverItMatters) {
  Sandbox box;
  auto [closed, closed_port] = bound_port();
  auto port = bound_port().second;
  string server =
      "import http.server\n"
      "class H(http.server.BaseHTTPRequestHandler):\n"
      "  def do_GET(self): self.send_response(500); self.end_headers()\n"
      "http.server.HTTPServer(('127.0.0.1', " +
      port + "), H).serve_forever()\n";
  const string said = "http:" + port + " answered 500, tcp:" + closed_port +
                      " refused the connection, cmd:exit 3 ended with code 3, fd:5: no newline has come";
  Background wait =
      begin_beside(box, {"--ready", "http:" + port, "--ready", "tcp:" + closed_port, "--ready", "cmd:exit 3",
                         "--ready", "fd:5", "--ready", "log:go", "--ready-timeout", "6s", "--start-retries",
                         "0", "sh", "-c", "echo go; exec python3 -c \"$0\"", server});
  EVENTUALLY(box.state("api") == "starting");
  EVENTUALLY(box.status("api")->not_ready == said);
  EXPECT_EQ("starting", box.state("api"));
  EXPECT_TRUE(has(box.ctl({"show", "api"}).out, said)) << "while it waits";
  EXPECT_EQ(128 + SIGTERM, wait.wait());
  EXPECT_TRUE(has(wait.err(), "it was not ready in time: " + said)) << wait.err();
  EVENTUALLY(box.state("api") == "fatal");
  EXPECT_EQ("the start ended too early: not ready within 6s: " + said, box.status("api")->reason);
  EXPECT_TRUE(has(box.ctl({"why", "api"}).out, "was not ready in time: " + said + "."))
      << box.ctl({"why", "api"}).out;
  EXPECT_TRUE(has(box.ctl({"show", "api"}).out, said));
}

TEST(Ready, ARestartThatIsWaitedForSaysWhatWasMissing) {
  Sandbox box;
  write_text(box.work() / "good", "");
  EXPECT_EQ(0, begin(box, {"--ready", "cmd:test -e good", "--ready-timeout", "400ms", "--backoff", "1m..1m",
                           "sh", "-c", "echo here; exec sleep 1000"})
                   .code);
  EXPECT_EQ(0, box.ctl({"restart", "--wait", "api"}).code);
  std::filesystem::remove(box.work() / "good");
  Outcome out = box.ctl({"restart", "--wait", "api"});
  EXPECT_EQ(1, out.code) << out.all();
  EXPECT_TRUE(has(out.err, "it was not ready in time: cmd:test -e good ended with code 1")) << out.err;
  EXPECT_TRUE(has(out.err, "| here")) << out.err;
}

TEST(Ready, WaitingForItCostsNothingButTheProbes) {
  Sandbox box;
  Background wait = begin_beside(box, {"--ready", "notify", "sleep", "1000"});
  EVENTUALLY(box.state("api") == "starting");
  wait.signal(SIGINT);
  wait.wait();
  string file = "/proc/" + std::to_string(box.keeper_pid("api")) + "/status";
  auto switches = [&] {
    string status = read_text(file);
    return status.substr(status.find("voluntary_ctxt_switches"));
  };
  // Once its record is written nothing happens for as long as it waits.
  string before;
  EVENTUALLY([&] {
    string now = switches();
    bool same = before == now;
    before = now;
    usleep(300'000);
    return same;
  }());
}

TEST(Changed, AReplacedProgramIsStartedAnew) {
  Sandbox box;
  auto script = box.work() / "api.sh";
  write_text(script, "echo one\nexec sleep 1000\n", 0755);
  EXPECT_EQ(0, begin(box, {"--restart-on-change", "--start-secs", "0", "./api.sh"}).code);
  EVENTUALLY(box.logged("api", "one\n"));
  write_text(box.work() / "new.sh", "echo two\nexec sleep 1000\n", 0755);
  std::filesystem::rename(box.work() / "new.sh", script);
  EVENTUALLY(box.logged("api", "two\n"));
  EXPECT_EQ("program changed", box.status("api")->last_exit->cause);
  EXPECT_TRUE(has(box.ctl({"why", "api"}).out, "program changed") ||
              has(box.ctl({"why", "api"}).out, "changed"));
}

TEST(KillMode, WhatAnEarlierRunLeftIsNotTakenForTheNext) {
  Sandbox box;
  // The first run leaves somebody behind who speaks up when the second one runs.
  string script = "if mkdir first; then setsid " + child("notifies") +
                  " say:left sleep:700 READY=1 MAINPID=1 say:spoken & sleep 0.2; exit 1; fi; exec sleep 1000";
  Background wait = begin_beside(
      box, {"--kill-mode", "process", "--ready", "notify", "--backoff", "10ms..10ms", "sh", "-c", script});
  EVENTUALLY(box.logged("api", "spoken\n"));
  EVENTUALLY(box.status("api")->run == 2);
  EXPECT_EQ("starting", box.state("api"));
  wait.signal(SIGINT);
  wait.wait();
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  for (int left : box.processes())
    kill(left, SIGKILL);
}

TEST(KillMode, ProcessLeavesTheRestAlone) {
  Sandbox box;
  EXPECT_EQ(0, begin(box, {"--kill-mode", "process", "--start-secs", "0", child("forks"), "group"}).code);
  int other = box.logged_pid("api", "group");
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_TRUE(alive(other));
  kill(other, SIGKILL);
}

TEST(KillMode, TreeReachesOtherGroupsAtOnce) {
  Sandbox box;
  // Each in a group of its own and deaf to nothing: all end by TERM, without KILL.
  EXPECT_EQ(0, begin(box, {"--kill-mode", "tree", "--start-secs", "0", "--kill-timeout", "1m", child("forks"),
                           "tree", "3"})
                   .code);
  ASSERT_GT(box.logged_pid("api", "tree"), 0);
  EVENTUALLY(count_of(box.log("api"), "tree ") == 3);
  Outcome out = box.ctl({"stop", "api"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_LT(out.took, Millis(10'000));
  EXPECT_TRUE(box.processes().empty());
}

}  // namespace
}  // namespace keeper
