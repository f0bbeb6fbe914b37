// Odd programs and odd places: few descriptors, files that may not grow, a program that forgets itself.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/keeper/support/sandbox.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

void limit(__rlimit_resource_t what, rlim_t most) {
  const rlimit now{most, most};
  setrlimit(what, &now);
}

constexpr const char* kNoDescriptors = "a sanitizer opens files of its own";

/// A stop leaves nothing behind, however few there are.
void expect_clean_stop(Sandbox& box, const string& name) {
  const int keeper = box.keeper_pid(name);
  const Outcome stop = box.ctl({"stop", name, "--timeout", "10s"});
  EXPECT_EQ(0, stop.code) << stop.all();
  EVENTUALLY(!alive(keeper));
  EXPECT_EQ("stopped", box.state(name));
  EXPECT_TRUE(box.ended(name)) << "a socket or a lock is left";
}

TEST(FewDescriptors, AreEnoughForAnOrder) {
  if (sanitized()) GTEST_SKIP() << kNoDescriptors;
  Sandbox box;
  int kept = 0;
  for (rlim_t most = 20; most <= 36; ++most) {
    SCOPED_TRACE(most);
    const string name = "few" + std::to_string(most);
    Start start{.words = {program("keeper"), "-d", "--no-wait", "-n", name, "sleep", "1000"}};
    start.before = [most] { limit(RLIMIT_NOFILE, most); };
    if (box.run(start).code != 0) continue;
    ++kept;
    expect_clean_stop(box, name);
  }
  EXPECT_EQ(9, kept);
}

/// The number that is named does, for all that a keeper is asked for.
TEST(FewDescriptors, AreRefusedIfTheyAreNotEnough) {
  if (sanitized()) GTEST_SKIP() << kNoDescriptors;
  Sandbox box;
  for (const Words& options : std::vector<Words>{{},
                                                 {"--log", (box.work() / "x.log").string()},
                                                 {"--error-log", "apart"},
                                                 {"--ready", "cmd:true"},
                                                 {"--watchdog", "100s"},
                                                 {"--restart-on-change"},
                                                 {"--log-syslog", "udp:127.0.0.1:1"}}) {
    SCOPED_TRACE(testing::PrintToString(options));
    auto start_with = [&](rlim_t most) {
      Start start{.words = {program("keeper"), "-d", "-n", "api", "--start-secs", "0"}};
      start.words.insert(start.words.end(), options.begin(), options.end());
      start.words.insert(start.words.end(), {"sleep", "1000"});
      start.before = [most] { limit(RLIMIT_NOFILE, most); };
      return box.run(start);
    };
    const Outcome refused = start_with(16);
    EXPECT_EQ(1, refused.code);
    const string remedy = "; raise 'ulimit -n' to at least ";
    const auto at = refused.err.find(remedy);
    ASSERT_NE(string::npos, at) << refused.err;
    const rlim_t needed = std::stoul(refused.err.substr(at + remedy.size()));
    EXPECT_TRUE(has(start_with(needed - 1).err, remedy));
    EXPECT_EQ("", box.state("api"));
    const Outcome started = start_with(needed);
    ASSERT_EQ(0, started.code) << started.all();
    for (const char* order : {"restart", "reload", "rotate"}) {
      const Outcome out = box.ctl({order, "api"});
      EXPECT_EQ(0, out.code) << out.all();
    }
    const int keeper = box.keeper_pid("api"), pid = box.pid("api");
    kill(keeper, SIGKILL);
    EVENTUALLY(box.keeper_pid("api") > 0 && box.keeper_pid("api") != keeper);
    EXPECT_EQ(pid, box.pid("api"));
    EXPECT_EQ(0, box.ctl({"restart", "api"}).code);
    EXPECT_EQ(std::nullopt, box.status("api")->at_risk);
    expect_clean_stop(box, "api");
    ASSERT_EQ(0, box.ctl({"delete", "api"}).code);
  }
}

/// It has all that it may have, and one of them is kept for the client.
TEST(FewDescriptors, AreNotMissingAtTheEnd) {
  if (sanitized()) GTEST_SKIP() << kNoDescriptors;
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const int keeper = box.keeper_pid("api");
  const string all = "/proc/" + std::to_string(keeper) + "/fd/";
  rlim_t most = 0;
  while (fs::exists(fs::symlink_status(all + std::to_string(most))))
    ++most;
  const rlimit now{most, most};
  ASSERT_EQ(0, prlimit(keeper, RLIMIT_NOFILE, &now, nullptr));
  expect_clean_stop(box, "api");
}

/// A second client waits until the first one has gone.
TEST(FewDescriptors, AreGivenToOneClientAfterTheOther) {
  if (sanitized()) GTEST_SKIP() << kNoDescriptors;
  Sandbox box;
  Start start{.words = {program("keeper"), "-d", "--no-wait", "-n", "api", "sleep", "1000"}};
  start.before = [] { limit(RLIMIT_NOFILE, 28); };
  ASSERT_EQ(0, box.run(start).code);
  std::vector<Fd> idle;
  for (int i = 0; i < 20; ++i)
    if (auto socket = box.open_home().connect_socket("api")) idle.push_back(std::move(*socket));
  EXPECT_EQ(20u, idle.size());
  EXPECT_EQ(0, box.ctl({"stop", "api", "--timeout", "10s"}).code);
}

TEST(FewDescriptors, OfWhoReadsLogsAreNoReasonToLeaveOneOut) {
  Sandbox box;
  for (int i = 0; i < 12; ++i) {
    const string name = "a" + std::to_string(i);
    ASSERT_EQ(0, box.keeper({"-d", "--no-wait", "-n", name, "--restart", "never", "echo", "hello"}).code);
  }
  for (int i = 0; i < 12; ++i)
    EVENTUALLY(box.ended("a" + std::to_string(i)));
  Start start{.words = {program("ctl"), "logs", "-n", "9", "a*"}};
  start.before = [] { limit(RLIMIT_NOFILE, 12); };
  const Outcome out = box.run(start);
  int shown = 0, named = 0;
  for (int i = 0; i < 12; ++i) {
    const string name = "a" + std::to_string(i);
    const bool is_shown = has(out.out, name + " ") && has(out.out, "hello");
    shown += is_shown;
    named += !is_shown && has(out.err, "cannot show the log of " + name + ": ");
  }
  EXPECT_EQ(12, shown + named) << out.all();
  EXPECT_TRUE(shown == 12 || has(out.err, "Too many open files")) << out.err;
  EXPECT_EQ(shown < 12 ? 5 : 0, out.code);
}

/// Each log that is followed takes some; who is left out is named, and the others are followed.
TEST(FewDescriptors, OfWhoFollowsLogsLeaveNobodyOutUnnamed) {
  Sandbox box;
  constexpr int kApps = 40;
  for (int i = 0; i < kApps; ++i)
    ASSERT_EQ(0, box.keeper({"-d", "--no-wait", "-n", "a" + std::to_string(i), "--restart", "never", "echo",
                             "hello"})
                     .code);
  for (int i = 0; i < kApps; ++i)
    EVENTUALLY(box.ended("a" + std::to_string(i)));
  Start start{.words = {program("ctl"), "logs", "-n", "9", "-f", "a*"}};
  start.before = [] { limit(RLIMIT_NOFILE, 64); };
  Background follows = box.start(start);
  int shown = 0, named = 0;
  EVENTUALLY([&] {
    const string out = follows.out(), err = follows.err();
    shown = named = 0;
    for (int i = 0; i < kApps; ++i) {
      const string name = "a" + std::to_string(i);
      const bool is_shown = out.starts_with(name + " ") || has(out, "\n" + name + " ");
      shown += is_shown;
      named += !is_shown && has(err, "cannot show the log of " + name + ": ");
    }
    return shown + named == kApps;
  }());
  EXPECT_EQ(kApps, shown + named) << follows.out() << follows.err();
  EXPECT_GT(shown, 0);
  EXPECT_TRUE(shown == kApps || has(follows.err(), "Too many open files")) << follows.err();
  follows.signal(SIGINT);
  follows.wait();
}

TEST(FewDescriptors, AreNotTakenForAnEmptyHome) {
  Sandbox box;
  ASSERT_EQ(0, box.keeper({"-d", "--no-wait", "-n", "api", "sleep", "1000"}).code);
  for (rlim_t most = 4; most < 16; ++most) {
    Start start{.words = {program("ctl"), "list"}};
    start.before = [most] { limit(RLIMIT_NOFILE, most); };
    const Outcome out = box.run(start);
    EXPECT_TRUE(out.code == 0 ? has(out.out, "api ") : out.code != 0 && !out.err.empty())
        << most << out.all();
  }
}

TEST(NoFileMayGrow, IsAnErrorThatIsTold) {
  Sandbox box;
  Start start{.words = {program("keeper"), "-d", "-n", "api", "sleep", "1000"}};
  start.before = [] { limit(RLIMIT_FSIZE, 0); };
  // What it says goes into a pipe: the files of this test may not grow either.
  int ends[2];
  ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
  start.err = ends[1];
  const Outcome out = box.run(start);
  close(ends[1]);
  char text[4096];
  const ssize_t got = read(ends[0], text, sizeof text);
  close(ends[0]);
  const string said(text, static_cast<std::size_t>(got > 0 ? got : 0));
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(has(said, "File too large")) << said;
  EXPECT_EQ("", box.state("api"));
}

TEST(FullStdout, IsAFailureOfEveryCommand) {
  Sandbox box;
  box.detach("api", {"sh", "-c", "echo hello; sleep 1000"});
  EVENTUALLY(box.logged("api", "hello"));
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  const string ctl = program("ctl"), keeper = program("keeper");
  for (const Words& words : std::vector<Words>{{ctl, "list"},
                                               {ctl, "list", "--json"},
                                               {ctl, "show", "api"},
                                               {ctl, "show", "api", "--json"},
                                               {ctl, "why", "api"},
                                               {ctl, "logs", "api"},
                                               {ctl, "logs", "-f", "api"},
                                               {ctl, "events"},
                                               {ctl, "doctor"},
                                               {ctl, "doctor", "--json"},
                                               {ctl, "signal", "CONT", "api"},
                                               {ctl, "rotate", "api"},
                                               {ctl, "restart", "api"},
                                               {ctl, "start", "api"},
                                               {ctl, "stop", "api"},
                                               {ctl, "delete", "api"},
                                               {ctl, "--help"},
                                               {ctl, "list", "--help"},
                                               {ctl, "--version"},
                                               {keeper, "--help"},
                                               {keeper, "--version"},
                                               {keeper, "-d", "--no-wait", "-n", "web", "sleep", "1000"}}) {
    const Outcome out = box.run({.words = words, .out = full}, Millis(20'000));
    EXPECT_EQ(1, out.code) << words[0] << " " << words[1] << ": " << out.err;
    EXPECT_TRUE(has(out.err, "No space left on device")) << words[1] << ": " << out.err;
  }
  close(full);
}

/// An app "api" whose program says hello and has itself deleted.
void have_one_that_deletes_itself(Sandbox& box, const string& options) {
  ASSERT_EQ(
      0, box.keeper({"-d", "--no-wait", "-n", "api", "sh", "-c",
                     "echo hello; sleep 0.3; " + program("ctl") + " delete " + options + " api; sleep 1000"})
             .code);
  EVENTUALLY(!fs::exists(box.home() / "apps/api"));
  EVENTUALLY(!fs::exists(box.home() / "sock/api.sock"));
}

TEST(Delete, OfTheProgramThatAsksForItDeletesIt) {
  Sandbox box;
  have_one_that_deletes_itself(box, "");
  EVENTUALLY(box.status("api") == std::nullopt && !fs::exists(box.log_path("api")));
}

TEST(Delete, OfTheProgramThatAsksForItKeepsTheLogWhereThatIsAskedFor) {
  Sandbox box;
  have_one_that_deletes_itself(box, "--keep-logs");
  EXPECT_TRUE(box.logged("api", "hello"));
}

/// The program takes its time to end; its keeper is killed meanwhile.
TEST(Delete, IsFinishedByTheNextKeeper) {
  Sandbox box;
  for (const string options : {"", "--keep-logs"}) {
    ASSERT_EQ(0, box.keeper({"-d", "-n", "api", "--start-secs", "0", "--stop-timeout", "100s", "sh", "-c",
                             "trap 'echo asked' TERM; " + program("ctl") + " delete " + options +
                                 " api & while :; do sleep 0.05; done"})
                     .code);
    EVENTUALLY(box.logged("api", "asked"));
    const int first = box.keeper_pid("api"), pid = box.pid("api");
    ASSERT_EQ(0, kill(first, SIGKILL));
    EVENTUALLY(box.keeper_pid("api") > 0 && box.keeper_pid("api") != first);
    ASSERT_EQ(0, kill(pid, SIGKILL));
    EVENTUALLY(!fs::exists(box.home() / "apps/api") && box.ended("api"));
    EXPECT_EQ(options.empty(), !fs::exists(box.log_path("api")));
  }
}

TEST(Delete, OfAStopThatIsWantedNoMoreIsForgottenByTheNextKeeperToo) {
  Sandbox box;
  ASSERT_EQ(0, box.keeper({"-d", "-n", "api", "--start-secs", "0", "--stop-timeout", "100s", "sh", "-c",
                           "test -e asked && exec sleep 1000; trap 'echo asked' TERM; touch asked; " +
                               program("ctl") + " delete api & while :; do sleep 0.05; done"})
                   .code);
  EVENTUALLY(box.logged("api", "asked\n"));
  const int pid = box.pid("api"), first = box.keeper_pid("api");
  Background start = box.start({{program("ctl"), "restart", "api"}});
  EVENTUALLY(box.status("api")->wanted == Wanted::up);
  ASSERT_EQ(0, kill(first, SIGKILL));
  ASSERT_EQ(0, kill(pid, SIGKILL));
  EVENTUALLY(box.runs_another("api", pid) && box.keeper_pid("api") != first);
  start.wait();
  ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_EQ("stopped", box.state("api"));
}

/// A client that takes the wish back keeps the record and the log, also if there never is another run.
TEST(Delete, ThatARestartHasOvertakenDeletesNothing) {
  Sandbox box;
  const string script = box.root() / "program";
  write_text(script,
             "#!/bin/sh\ntrap 'echo asked' TERM\n" + program("ctl") +
                 " delete api &\nwhile :; do sleep 0.05; done\n",
             0755);
  ASSERT_EQ(0, box.keeper({"-d", "-n", "api", "--start-secs", "0", "--stop-timeout", "100s", script}).code);
  const int pid = box.pid("api");
  EVENTUALLY(box.logged("api", "asked"));
  fs::remove(script);
  Background restart = box.start({{program("ctl"), "restart", "api"}});
  EVENTUALLY(box.status("api") && box.status("api")->wanted == Wanted::up);
  ASSERT_EQ(0, kill(pid, SIGKILL));
  EVENTUALLY(box.state("api") == "fatal");
  restart.wait();
  EXPECT_TRUE(box.logged("api", "asked"));
}

/// As nginx or postfix do, which begin as root.
TEST(Output, IsOpenedAgainByAProgramThatHasDroppedItsRights) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  Sandbox box;
  box.detach("api", {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c",
                     "echo reopened > /dev/stdout; echo too > /dev/stderr; sleep 1000"});
  EVENTUALLY(box.logged("api", "reopened\n") && box.logged("api", "too\n"));
}

TEST(Output, GoesIntoANewFileWhereTheOldOneMayNotGrow) {
  Sandbox box;
  Start start{.words = {program("keeper"), "-d", "--no-wait", "-n", "api", "--log-markers", "false", "sh",
                        "-c", "ulimit -f unlimited 2>/dev/null; seq 100000 140000; sleep 1000"}};
  start.before = [] { limit(RLIMIT_FSIZE, 200'000); };
  ASSERT_EQ(0, box.run(start).code);
  EVENTUALLY(box.logged("api", "140000\n"));
  string all = box.log("api");
  for (int i = 1; fs::exists(box.log_path("api").string() + "." + std::to_string(i)); ++i)
    all = read_text(box.log_path("api").string() + "." + std::to_string(i)) + all;
  EXPECT_EQ(40'001, count_of(all, "\n"));
  EXPECT_EQ(0u, box.status("api")->logs.at(0).dropped);
  const string last = box.log("api");
  ASSERT_FALSE(last.empty());
  const Outcome out = box.ctl({"rotate", "api"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_EQ("", box.log("api"));
  EXPECT_EQ(last, read_text(box.log_path("api").string() + ".1"));
}

}  // namespace
}  // namespace keeper
