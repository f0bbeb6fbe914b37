// What a keeper remembers of runs that have ended: on the wire, in the record, and across keepers.
#include <signal.h>
#include <unistd.h>

#include <fstream>

#include "protocol/client/client.hpp"
#include "tests/keeper/support/sandbox.hpp"

namespace keeper {
namespace {

using std::string;

/// From the keeper.
std::vector<RunRecord> runs_of(const Sandbox& box, const string& stem) {
  Home home = box.open_home();
  auto client = Client::connect(home, stem);
  if (!client) return {};
  auto history = client->call(GetWhy{}, Millis(5000), "ask why");
  EXPECT_TRUE(history) << history.error().text();
  return history ? history->runs : std::vector<RunRecord>();
}

std::vector<RunRecord> recorded(const Sandbox& box, const string& stem) {
  return box.open_home().read_runs(stem);
}

TEST(Why, RemembersACrashWithItsLastLines) {
  Sandbox box;
  box.detach("api", {"--start-secs", "0", "--backoff", "60s..60s", "sh", "-c",
                     "echo one; printf 'caf\\351\\n'; echo last >&2; kill -SEGV $$"});
  EVENTUALLY(runs_of(box, "api").size() == 1);
  RunRecord run = runs_of(box, "api").back();
  EXPECT_EQ(1u, run.run);
  EXPECT_GT(run.pid.value_or(0), 0);
  ASSERT_TRUE(run.exit && run.started_at && run.ended_at);
  EXPECT_EQ(ExitInfo::Kind::signal, run.exit->kind);
  EXPECT_EQ(SIGSEGV, run.exit->value);
  EXPECT_TRUE(run.confirmed_at);
  EXPECT_EQ("crash", run.cause);
  EXPECT_FALSE(run.asked_by);
  EXPECT_EQ("one\ncaf\xE9\nlast", run.output.text);
  EXPECT_EQ("backoff", run.decision ? run.decision->action : "");
  EXPECT_NEAR(60'000, static_cast<double>(run.decision->delay_ms.value_or(0)), 6'100);
}

TEST(Why, KnowsTheLastLinesWithoutALog) {
  Sandbox box;
  box.detach("api", {"--log", "none", "--start-secs", "0", "--backoff", "60s..60s", "sh", "-c",
                     "echo words; exit 3"});
  EVENTUALLY(runs_of(box, "api").size() == 1);
  EXPECT_EQ("words", runs_of(box, "api").back().output.text);
}

TEST(Why, KnowsWhatARunHasUsed) {
  Sandbox box;
  box.detach("api", {"--start-secs", "0", "--backoff", "60s..60s", "python3", "-c",
                     "x = bytearray(60 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1"});
  EVENTUALLY(runs_of(box, "api").size() == 1);
  RunRecord run = runs_of(box, "api").back();
  EXPECT_GT(run.max_memory_bytes.value_or(0), 60u << 20);
  EXPECT_GT(run.cpu_ms.value_or(0), 0);
}

TEST(Why, KnowsWhoAskedForARestart) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  Home home = box.open_home();
  auto client = Client::connect(home, "api");
  ASSERT_TRUE(client);
  ASSERT_TRUE(client->call(RestartRun{}, Millis(5000), "restart"));
  RunRecord run = runs_of(box, "api").back();
  EXPECT_EQ("restart", run.cause);
  ASSERT_TRUE(run.asked_by);
  EXPECT_EQ("restart", run.asked_by->by);
  EXPECT_EQ(getpid(), run.asked_by->pid);
  EXPECT_EQ(getuid(), run.asked_by->uid);
  EXPECT_EQ("restart", run.decision ? run.decision->action : "");
}

TEST(Why, KnowsThatItsKeeperWasSentASignal) {
  Sandbox box;
  Background keeper = box.foreground("api", {"sleep", "1000"});
  keeper.signal(SIGTERM);
  ASSERT_TRUE(keeper.wait());
  auto runs = recorded(box, "api");
  ASSERT_EQ(1u, runs.size());
  ASSERT_TRUE(runs[0].asked_by);
  EXPECT_EQ("SIGTERM", runs[0].asked_by->by);
  EXPECT_EQ(getpid(), runs[0].asked_by->pid);
}

TEST(Why, SaysThatItTookAKillToStopIt) {
  Sandbox box;
  box.detach("api", {"--stop-signal", "INT,TERM", "--stop-timeout", "200ms", child("ignores_term")});
  EVENTUALLY(!box.log("api").empty());
  const string reason = "it did not end within 200ms of SIGTERM, nor by SIGINT before";
  Outcome again = box.ctl({"restart", "api"});
  EXPECT_TRUE(has(again.out, ", by KILL: " + reason)) << again.all();
  EXPECT_EQ(reason, runs_of(box, "api").back().kill_reason);
  EXPECT_EQ(reason, box.status("api")->last_exit->kill_reason);
  EXPECT_TRUE(has(box.ctl({"why", "api"}).out, "Its keeper killed it: " + reason + ".\n"));
  EXPECT_TRUE(has(box.ctl({"show", "api"}).out, "killed by its keeper: " + reason));
  EVENTUALLY(count_of(box.log("api"), "ready") == 2);
  Outcome stopped = box.ctl({"stop", "api"});
  EXPECT_EQ(0, stopped.code);
  EXPECT_TRUE(has(stopped.out, ", by KILL: " + reason)) << stopped.all();
}

TEST(Why, AsksWhetherAProgramThatLeavesAServerBehindGoesIntoTheBackground) {
  Sandbox box;
  const string server = "(exec -a 'nginx: master process' sleep 1000) & sleep 0.3; exit 0";
  Background events = box.start({{program("ctl"), "events", "web"}});
  Outcome start = box.keeper({"-d", "-n", "web", "--restart", "never", "bash", "-c", server});
  const string says = "left 1 process behind (nginx: master process";
  const string asks =
      "), which was ended: does it go into the background? nginx stays in the foreground with "
      "-g 'daemon off;'";
  EXPECT_EQ(1, start.code);
  EXPECT_TRUE(has(start.err, "it ended with code 0 after ") && has(start.err, " s and " + says)) << start.err;
  EVENTUALLY(box.ended("web"));
  EXPECT_TRUE(has(box.log("web"), "ended with code 0 and " + says)) << box.log("web");
  EXPECT_TRUE(has(box.log("web"), asks)) << box.log("web");
  Outcome why = box.ctl({"why", "web"});
  EXPECT_TRUE(has(why.out, "It " + says) && has(why.out, asks + ".")) << why.out;
  EXPECT_TRUE(has(why.out, "until nothing of it was left.")) << why.out;
  EXPECT_TRUE(has(box.status("web")->reason.value_or(""), "ended with code 0 and " + says));
  EVENTUALLY(has(events.out(), says));
  events.signal(SIGINT);
  events.wait();
}

TEST(Why, CountsTheTimeThatTheRestTakesToEnd) {
  Sandbox box;
  const string script = "rm -f out; " + child("slow_term") +
                        " 400 >out & until grep -qs ready out; do sleep 0.05; done; sleep 0.3; exit 1";
  box.detach("job", {"--backoff", "none", "sh", "-c", script});
  EVENTUALLY(count_of(box.log("job"), " started pid ") >= 2);
  ASSERT_EQ(0, box.ctl({"stop", "job"}).code);
  const RunRecord first = recorded(box, "job").front();
  EXPECT_GE(first.clearing_ms.value_or(0), 400);
  EXPECT_TRUE(has(box.log("job"), " ended with code 1 and left 1 process behind (")) << box.log("job");
  EXPECT_FALSE(has(box.log("job"), "background"));
  Outcome why = box.ctl({"why", "job", "-n", "32"});
  EXPECT_TRUE(has(why.out, " until nothing of it was left.")) << why.out;
  EXPECT_FALSE(has(why.out, "It was started again at once")) << why.out;
}

TEST(Why, DoesNotSpeakOfAKillThatWasNotNeeded) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  EXPECT_FALSE(has(box.ctl({"restart", "api"}).out, "KILL"));
  EXPECT_EQ(std::nullopt, runs_of(box, "api").back().kill_reason);
}

TEST(Why, KnowsCtrlC) {
  Sandbox box;
  Start at_terminal;
  at_terminal.terminal = true;
  Background keeper = box.foreground("api", {"sleep", "1000"}, at_terminal);
  keeper.type("\x03");
  ASSERT_TRUE(keeper.wait());
  auto runs = recorded(box, "api");
  ASSERT_EQ(1u, runs.size());
  ASSERT_TRUE(runs[0].asked_by);
  EXPECT_EQ("Ctrl-C", runs[0].asked_by->by);
}

TEST(Why, RemembersAStartThatFailed) {
  Sandbox box;
  auto path = box.work() / "prog";
  write_text(path, "#!/bin/sh\nsleep 1000\n", 0755);
  box.detach("api", {"--start-retries", "0", path.string()});
  std::filesystem::remove(path);
  kill(box.pid("api"), SIGKILL);
  EVENTUALLY(box.state("api") == "fatal" && box.ended("api"));
  auto runs = recorded(box, "api");
  ASSERT_GE(runs.size(), 2u);
  EXPECT_EQ("backoff", runs[0].decision ? runs[0].decision->action : "open") << "it lived for less than 1 s";
  EXPECT_EQ("spawn failed", runs.back().cause);
  EXPECT_TRUE(runs.back().error && has(*runs.back().error, "prog")) << runs.back().error.value_or("none");
  EXPECT_EQ("fatal", runs.back().decision ? runs.back().decision->action : "open");
}

TEST(Why, SaysWhyAnAppHasExited) {
  Sandbox box;
  box.detach("api", {"--restart", "never", "sleep", "0.2"});
  EVENTUALLY(box.ended("api"));
  auto runs = recorded(box, "api");
  ASSERT_EQ(1u, runs.size());
  ASSERT_TRUE(runs[0].decision);
  EXPECT_EQ("exited", runs[0].decision->action);
  EXPECT_EQ("restart is never", runs[0].decision->reason);
}

TEST(Why, IsNotForgottenWhenAnotherKeeperStartsTheApp) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
  ASSERT_EQ(0, box.ctl({"start", "api", "--wait"}).code);
  auto runs = runs_of(box, "api");
  ASSERT_EQ(1u, runs.size());
  EXPECT_EQ("stop", runs[0].cause);
  EXPECT_EQ(2u, box.status("api")->run) << "numbers of runs are never used again";
}

TEST(Why, KnowsOfTheRunWhoseKeeperWasKilled) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  EVENTUALLY(box.open_home().read_status("api")->pid.has_value());
  const int child = box.pid("api");
  box.kill_keeper("api");
  kill(child, SIGKILL);
  EVENTUALLY(!alive(child));
  EXPECT_TRUE(has(box.ctl({"why", "api"}).out, "its keeper was killed")) << "from the record";
  ASSERT_EQ(0, box.ctl({"start", "api"}).code);
  auto runs = runs_of(box, "api");
  ASSERT_EQ(1u, runs.size());
  EXPECT_EQ("keeper lost", runs[0].cause);
  EXPECT_EQ(child, runs[0].pid);
}

TEST(Why, AKillOfOursIsNeverTakenForOneOfTheKernel) {
  Sandbox box;
  box.detach("api", {"--backoff", "60s..60s", "sleep", "1000"});
  ASSERT_EQ(0, box.ctl({"kill", "api"}).code);
  EVENTUALLY(runs_of(box, "api").size() == 1);
  EXPECT_EQ("crash", runs_of(box, "api").back().cause);
}

TEST(Why, IsBoundedForAProgramThatAlwaysCrashes) {
  Sandbox box;
  box.detach("api",
             {"--start-secs", "0", "--backoff", "none", "sh", "-c", "yes 0123456789 | head -n 1000; exit 1"});
  EVENTUALLY(box.status("api")->restarts > 40);
  auto runs = runs_of(box, "api");
  EXPECT_EQ(32u, runs.size());
  for (const RunRecord& run : runs)
    EXPECT_LE(run.output.text.size(), 2048u);
  EXPECT_EQ(19, count_of(runs.back().output.text, "\n"));
}

TEST(Why, IsNotPartOfAStatus) {
  Sandbox box;
  box.detach("api", {"--start-secs", "0", "--backoff", "60s..60s", "sh", "-c", "echo words; exit 1"});
  EVENTUALLY(runs_of(box, "api").size() == 1);
  EXPECT_FALSE(has(box.ctl({"list", "--json"}).out, "\"runs\""));
}

/// A cgroup of version 1 with 40 MiB of memory, which the keeper and its program are started in.
class OutOfMemory : public testing::Test {
 protected:
  void SetUp() override {
    if (sanitized()) GTEST_SKIP() << "a sanitizer has memory of its own";
    std::error_code refused;
    if (!std::filesystem::create_directory(group_, refused)) GTEST_SKIP() << "no cgroup can be made here";
    std::ofstream(group_ / "memory.limit_in_bytes") << (40 << 20) << std::flush;
    if (!has(read_text(group_ / "memory.oom_control"), "oom_kill "))
      GTEST_SKIP() << "this kernel does not count";
  }
  ~OutOfMemory() override {
    box_.ctl({"stop", "all"});
    std::error_code ignored;
    eventually([&] { return std::filesystem::remove(group_, ignored) || !std::filesystem::exists(group_); });
  }
  void detach(const Words& words) {
    Words all = {program("keeper"), "-d", "-n", "api", "--restart", "on-failure", "--backoff", "60s..60s"};
    all.insert(all.end(), words.begin(), words.end());
    Start how{.words = all};
    how.before = [tasks = (group_ / "cgroup.procs").string()] {
      std::ofstream(tasks) << getpid() << std::flush;
    };
    Outcome out = box_.run(how);
    EXPECT_EQ(0, out.code) << out.all();
  }
  string why() { return box_.ctl({"why", "api"}).out; }
  void kill_keeper_alone() {
    const int keeper = box_.keeper_pid("api");
    kill(keeper, SIGKILL);
    EVENTUALLY(box_.keeper_pid("api") > 0 && box_.keeper_pid("api") != keeper);
  }

  const std::filesystem::path group_ = "/sys/fs/cgroup/memory/keeper-test-" + std::to_string(getpid());
  Sandbox box_;
};

TEST_F(OutOfMemory, EndsAWorkerUnderALivingMainProcessAndIsNamed) {
  detach({"sh", "-c", "tail /dev/zero; echo gone; sleep 1000"});
  EVENTUALLY(box_.logged("api", "gone\n"));
  const string says = "Out of memory: the kernel killed 1 process of its cgroup ";
  EXPECT_TRUE(has(why(), says + "since its start.")) << why();
  EXPECT_EQ(0, box_.ctl({"stop", "api"}).code);
  EXPECT_TRUE(has(why(), says + "while it ran.")) << why();
  EXPECT_EQ(1u, recorded(box_, "api").back().oom_kills);
}

TEST_F(OutOfMemory, OfTheMainProcessIsItsCause) {
  detach({"--start-secs", "0", "--exit-codes", "0,SIGKILL", "tail", "/dev/zero"});
  EVENTUALLY(runs_of(box_, "api").size() == 1);
  EXPECT_EQ("out of memory", runs_of(box_, "api").back().cause);
  EXPECT_EQ("out of memory", box_.status("api")->last_exit->cause);
  EXPECT_EQ("backoff", box_.state("api")) << "a failure, although SIGKILL is expected";
  EXPECT_TRUE(has(why(), "The kernel killed it: out of memory.")) << why();
}

TEST_F(OutOfMemory, BeforeATakeoverIsStillNamed) {
  detach({"sh", "-c", "tail /dev/zero; echo gone; sleep 1000"});
  EVENTUALLY(box_.logged("api", "gone\n"));
  const string says = "Out of memory: the kernel killed 1 process of its cgroup since its start.";
  kill_keeper_alone();
  EXPECT_TRUE(has(why(), says)) << why();
  box_.kill_keeper("api");
  EXPECT_EQ(0, box_.ctl({"start", "api"}).code);
  EXPECT_TRUE(has(why(), says)) << "both were killed: " << why();
}

/// The guard is suspended, so that no keeper is there when the program ends.
TEST_F(OutOfMemory, WithoutAKeeperIsTheCauseAllTheSame) {
  detach({"--start-secs", "0", "sh", "-c", "until test -e go; do sleep 0.01; done; exec tail /dev/zero"});
  const auto before = *box_.status("api");
  kill(*before.guard_pid, SIGSTOP);
  kill(*before.keeper_pid, SIGKILL);
  EVENTUALLY(!alive(*before.keeper_pid));
  write_text(box_.work() / "go", "");
  EVENTUALLY(!alive(*before.pid));
  kill(*before.guard_pid, SIGCONT);
  EVENTUALLY(runs_of(box_, "api").size() == 1);
  EXPECT_EQ("out of memory", runs_of(box_, "api").back().cause) << box_.log("api");
}

}  // namespace
}  // namespace keeper
