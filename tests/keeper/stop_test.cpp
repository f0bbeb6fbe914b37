// Stopping: everything of the run is gone, then the socket, then the keeper; and no stop is followed by a
// restart.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/keeper/support/sandbox.hpp"

namespace keeper {
namespace {

using std::string;

TEST(Stop, EndsTheProgramTheSocketAndTheKeeper) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  int pid = box.pid("api"), keeper = box.keeper_pid("api");
  Outcome out = box.ctl({"stop", "api"});
  EXPECT_EQ(0, out.code) << out.all();
  // At once: the command returns when they are gone.
  EXPECT_FALSE(alive(pid));
  EXPECT_FALSE(alive(keeper));
  EXPECT_TRUE(box.ended("api"));
  auto status = box.status("api");
  ASSERT_TRUE(status && status->last_exit);
  EXPECT_EQ(State::stopped, status->state);
  EXPECT_EQ(Wanted::down, status->wanted);
  EXPECT_EQ("stop", status->last_exit->cause);
  EXPECT_EQ(ExitInfo::signal(SIGTERM), status->last_exit->exit);
  EXPECT_TRUE(has(box.ctl({"list"}).out, "stopped"));
}

TEST(Stop, LetsTheProgramFinishItsWork) {
  Sandbox box;
  box.detach("api", {child("slow_term"), "300"});
  EVENTUALLY(box.logged("api", "ready\n"));
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_TRUE(box.logged("api", "bye\n"));
  EXPECT_EQ(ExitInfo::code(0), box.status("api")->last_exit->exit);
}

TEST(Stop, KillsAProgramThatIgnoresTermWhenItsTimeIsOver) {
  Sandbox box;
  box.detach("deaf", {"--stop-timeout", "300ms", child("ignores_term")});
  EVENTUALLY(box.logged("deaf", "ready\n"));
  Outcome out = box.ctl({"stop", "deaf"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_GE(out.took, Millis(300));
  EXPECT_EQ(ExitInfo::signal(SIGKILL), box.status("deaf")->last_exit->exit);
}

TEST(Stop, SendsTheSignalsOfTheListInTheirOrder) {
  Sandbox box;
  string script =
      "trap 'echo got usr1' USR1; trap 'echo got usr2' USR2; trap 'echo got int; exit 5' INT; echo ready; "
      "while :; do sleep 0.02; done";
  box.detach("job", {"--stop-signal", "USR1,USR2,INT", "--stop-timeout", "400ms", "bash", "-c", script});
  EVENTUALLY(box.logged("job", "ready\n"));
  EXPECT_EQ(0, box.ctl({"stop", "job"}).code);
  string log = box.log("job");
  auto first = log.find("got usr1"), second = log.find("got usr2"), third = log.find("got int");
  ASSERT_NE(string::npos, third) << log;
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_EQ(ExitInfo::code(5), box.status("job")->last_exit->exit);
}

class StopOfATree : public testing::TestWithParam<Words> {};

TEST_P(StopOfATree, LeavesNothingOfIt) {
  Sandbox box;
  Words words = {child("forks")};
  words.insert(words.end(), GetParam().begin(), GetParam().end());
  box.detach("job", words);
  ASSERT_GT(box.logged_pid("job", GetParam().front()), 0);
  EXPECT_EQ(0, box.ctl({"stop", "job"}).code);
  for (int left : box.processes())
    ADD_FAILURE() << "left: " << describe(left);
}

INSTANTIATE_TEST_SUITE_P(Trees, StopOfATree,
                         testing::Values(Words{"group"}, Words{"double"}, Words{"tree", "6"}),
                         [](const auto& one) { return one.param.front(); });

TEST(Stop, KillsGrandchildrenThatIgnoreTermInASessionOfTheirOwn) {
  Sandbox box;
  box.detach("job", {"--stop-timeout", "300ms", "sh", "-c",
                     "setsid " + child("ignores_term") + " & echo deaf $!; exec sleep 1000"});
  EVENTUALLY(box.logged("job", "ready\n"));
  const string killed = "killed pid " + std::to_string(box.logged_pid("job", "deaf")) + " (" +
                        child("ignores_term") + "): it did not end within 300ms of SIGTERM";
  Background events = box.start({{program("ctl"), "events", "job"}});
  EVENTUALLY(has(events.out(), "job is running"));
  Outcome out = box.ctl({"stop", "job"});
  EXPECT_EQ(0, out.code) << "it is stopped: " << out.all();
  EXPECT_TRUE(box.processes().empty() || box.processes() == std::vector<int>{events.pid()});
  EXPECT_TRUE(has(out.out, "; " + killed)) << out.all();
  EXPECT_TRUE(box.logged("job", "Z " + killed + "\n"));
  EXPECT_TRUE(has(box.ctl({"why", "job"}).out, "Its keeper " + killed + "."));
  EVENTUALLY(has(events.out(), "is being killed: " + killed));
  EXPECT_TRUE(has(box.ctl({"why", "job", "--json"}).out, "\"killed\":[{"));
  events.signal(SIGINT);
  events.wait();
}

TEST(Stop, GivesTheRestOfARunWhatIsLeftOfTheStopTime) {
  Sandbox box;
  // The shell ends by TERM at once, its server saves for longer than the kill timeout.
  write_text(box.work() / "start.sh", "#!/bin/sh\n" + child("slow_term") + " 700\n:\n", 0755);
  box.detach("web", {"--kill-timeout", "50ms", "--stop-timeout", "20s", "./start.sh"});
  EVENTUALLY(box.logged("web", "ready\n"));
  Outcome out = box.ctl({"stop", "web"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(box.logged("web", "bye\n"));
  EXPECT_FALSE(has(out.all() + box.log("web"), "killed")) << out.all();
  EXPECT_EQ(ExitInfo::signal(SIGTERM), box.status("web")->last_exit->exit);
}

TEST(Stop, GivesTheRestOfACrashedRunTheWholeOfIt) {
  Sandbox box;
  write_text(box.work() / "start.sh", "#!/bin/sh\n" + child("slow_term") + " 500\n:\n", 0755);
  box.detach("web", {"--kill-timeout", "50ms", "--stop-timeout", "20s", "--backoff", "none", "./start.sh"});
  EVENTUALLY(box.logged("web", "ready\n"));
  kill(box.pid("web"), SIGKILL);
  EVENTUALLY(count_of(box.log("web"), "ready\n") == 2);
  EXPECT_LT(box.log("web").find("bye\n"), box.log("web").rfind(" started pid ")) << "one after the other";
  EXPECT_FALSE(box.logged("web", "killed"));
}

TEST(Stop, OfKillModeProcessNamesWhatItLeavesRunning) {
  Sandbox box;
  box.may_leave();
  box.detach("job", {"--kill-mode", "process", child("forks"), "group"});
  int pid = box.pid("job"), member = box.logged_pid("job", "group");
  Outcome out = box.ctl({"stop", "job"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_EQ(
      "stopped job (pid " + std::to_string(pid) + "); left running: pid " + std::to_string(member) + "\n",
      out.out);
  EXPECT_TRUE(alive(member));
  EXPECT_TRUE(has(box.ctl({"list", "--json"}).out, "\"left\":[" + std::to_string(member) + "]"));
  EXPECT_TRUE(has(box.ctl({"show", "job"}).out, "left running"));
  kill(member, SIGKILL);
  EVENTUALLY(!alive(member));
  EVENTUALLY(!has(box.ctl({"show", "job"}).out, "left running"));
}

TEST(Stop, OfKillModeMixedAsksTheMainProcessAlone) {
  Sandbox box;
  // Its worker is in the same group, and would end by TERM at once.
  const string script =
      "sh -c \"trap 'echo worker asked' TERM; echo ready; while :; do sleep 0.02; done\" & "
      "trap 'echo main asked; exit 0' TERM; while :; do sleep 0.02; done";
  box.detach("job", {"--kill-mode", "mixed", "--stop-timeout", "500ms", "bash", "-c", script});
  EVENTUALLY(box.logged("job", "ready\n"));
  Outcome out = box.ctl({"stop", "job"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_GE(out.took, Millis(500));
  EXPECT_TRUE(box.logged("job", "main asked\n"));
  EXPECT_FALSE(box.logged("job", "worker asked\n"));
  EXPECT_EQ(ExitInfo::code(0), box.status("job")->last_exit->exit);
  EXPECT_TRUE(has(out.out, "(sh -c ")) << "killed: " << out.all();
  EXPECT_TRUE(has(out.out, "): it did not end within 500ms of SIGTERM to its main process")) << out.all();
}

TEST(Stop, OfKillModeMixedWaitsForWorkersThatEndThemselves) {
  Sandbox box;
  box.detach("job", {"--kill-mode", "mixed", "--stop-timeout", "20s", "sh", "-c",
                     "sh -c 'echo ready; sleep 0.6; echo done' & exec sleep 1000"});
  EVENTUALLY(box.logged("job", "ready\n"));
  Outcome out = box.ctl({"stop", "job"});
  EXPECT_TRUE(box.logged("job", "done\n"));
  EXPECT_FALSE(has(out.all(), "killed")) << out.all();
}

TEST(Restart, OfKillModeProcessNamesWhatItLeavesRunning) {
  Sandbox box;
  box.may_leave();
  box.detach("job", {"--kill-mode", "process", child("forks"), "group"});
  int member = box.logged_pid("job", "group");
  Outcome out = box.ctl({"restart", "job"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(has(out.out, "; left running: pid " + std::to_string(member) + "\n")) << out.all();
  EXPECT_EQ(0, box.ctl({"stop", "job"}).code);
  for (int left : box.processes())
    kill(left, SIGKILL);
}

TEST(Stop, DuringBackoffEndsTheWaiting) {
  Sandbox box;
  EXPECT_EQ(1, box.keeper({"-d", "-n", "job", "--start-secs", "5", "--backoff", "20s..20s", "false"}).code);
  EXPECT_EQ("backoff", box.state("job"));
  Outcome out = box.ctl({"stop", "job"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_LT(out.took, Millis(10'000));
  EXPECT_EQ("stopped", box.state("job"));
  EXPECT_TRUE(box.ended("job"));
}

TEST(Stop, DuringStartingTellsTheCommandThatWaits) {
  Sandbox box;
  Background waiting =
      box.start({{program("keeper"), "-d", "-n", "job", "--start-secs", "100", "sleep", "1000"}});
  EVENTUALLY(box.state("job") == "starting" && box.pid("job") > 0);
  EXPECT_EQ(0, box.ctl({"stop", "job"}).code);
  auto code = waiting.wait();
  ASSERT_TRUE(code);
  EXPECT_NE(0, *code) << waiting.out();
  EXPECT_TRUE(has(waiting.err(), "cannot start job")) << waiting.err();
  EXPECT_TRUE(box.ended("job"));
}

TEST(Stop, TwoAtOnceAreBothAnswered) {
  Sandbox box;
  box.detach("api", {child("slow_term"), "500"});
  EVENTUALLY(box.logged("api", "ready\n"));
  Background one = box.start({{program("ctl"), "stop", "api"}});
  EVENTUALLY(box.state("api") == "stopping");
  Background two = box.start({{program("ctl"), "stop", "api"}});
  EXPECT_EQ(0, one.wait()) << one.err();
  EXPECT_EQ(0, two.wait()) << two.err();
  EXPECT_EQ("stopped", box.state("api"));
}

TEST(Stop, IsFollowedByAStartWhenSomebodyAsks) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  int before = box.pid("api");
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_EQ(0, box.ctl({"start", "api"}).code);
  EVENTUALLY(box.state("api") == "running");
  EXPECT_NE(before, box.pid("api"));
}

TEST(Stop, EndsASuspendedProgramToo) {
  Sandbox box;
  box.detach("api", {child("slow_term"), "0"});
  EVENTUALLY(box.logged("api", "ready\n"));
  kill(box.pid("api"), SIGSTOP);
  EVENTUALLY(box.state("api") == "suspended");
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  // TERM and then CONT: it had its time to end properly.
  EXPECT_TRUE(box.logged("api", "bye\n"));
  EXPECT_EQ(ExitInfo::code(0), box.status("api")->last_exit->exit);
}

TEST(Stop, ASuspendedProgramThatGoesOnIsRunningAgain) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  kill(box.pid("api"), SIGSTOP);
  EVENTUALLY(box.state("api") == "suspended");
  kill(box.pid("api"), SIGCONT);
  EVENTUALLY(box.state("api") == "running");
}

TEST(Stop, ACrashWhileStoppingIsNoReasonForARestart) {
  Sandbox box;
  box.detach("job", {"bash", "-c",
                     "trap 'sleep 0.3; kill -SEGV $$' TERM; echo ready; while :; do sleep 0.02; done"});
  EVENTUALLY(box.logged("job", "ready\n"));
  EXPECT_EQ(0, box.ctl({"stop", "job"}).code);
  EXPECT_TRUE(box.ended("job"));
  EXPECT_EQ("stopped", box.state("job"));
  EXPECT_EQ(1, count_of(box.log("job"), " started pid "));
  EXPECT_EQ(SIGSEGV, box.status("job")->last_exit->exit.value);
}

TEST(Stop, TermToTheKeeperDoesTheSame) {
  Sandbox box;
  box.detach("api", {child("slow_term"), "200"});
  EVENTUALLY(box.logged("api", "ready\n"));
  int pid = box.pid("api"), keeper = box.keeper_pid("api");
  kill(keeper, SIGTERM);
  EVENTUALLY(!alive(keeper));
  EXPECT_FALSE(alive(pid));
  EXPECT_TRUE(box.logged("api", "bye\n"));
  EVENTUALLY(box.ended("api"));  // its guard has the lock too
  EXPECT_EQ("stopped", box.state("api"));
}

TEST(PidFile, IsThereWhileItRunsAndGoneAfter) {
  Sandbox box;
  auto file = box.home() / "apps/api/pid";
  box.detach("api", {"--backoff", "none", "sleep", "1000"});
  int first = box.pid("api");
  EVENTUALLY(read_text(file) == std::to_string(first) + "\n");
  kill(first, SIGKILL);
  EVENTUALLY(box.pid("api") > 0 && box.pid("api") != first);
  EVENTUALLY(read_text(file) == std::to_string(box.pid("api")) + "\n");
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(PidFile, IsWhereTheUserWantsIt) {
  Sandbox box;
  auto file = box.work() / "mine.pid";
  box.detach("api", {"--pid-file", "mine.pid", "sleep", "1000"});
  EVENTUALLY(read_text(file) == std::to_string(box.pid("api")) + "\n");
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_FALSE(std::filesystem::exists(file));
}

}  // namespace
}  // namespace keeper
