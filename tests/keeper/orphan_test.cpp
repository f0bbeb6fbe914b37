// A program whose keeper and guard were killed: for `ctl stop` another keeper takes it over, and stops it.
#include <signal.h>
#include <unistd.h>

#include "tests/keeper/support/sandbox.hpp"

namespace keeper {
namespace {

using std::string;

/// Kept, and then left alone. The pid of the program.
int make_orphan(Sandbox& box, const string& name, Words words, const string& says = "") {
  box.detach(name, std::move(words));
  if (!says.empty()) {
    EXPECT_TRUE(eventually([&] { return box.logged(name, says); })) << says;
  }
  // Only what stands in the record is known of it afterwards.
  int pid = box.pid(name);
  Home home = box.open_home();
  EXPECT_TRUE(eventually([&] {
    auto record = home.read_status(name);
    return record && record->pid == pid;
  }));
  box.kill_keeper(name);
  EXPECT_TRUE(alive(pid));
  EXPECT_EQ("unreachable", box.state(name));
  return pid;
}

class OrphanTrees : public testing::TestWithParam<Words> {};

TEST_P(OrphanTrees, AreEndedAsAWhole) {
  Sandbox box;
  Words words = {"--stop-timeout", "30s", "--kill-timeout", "30s", child("forks")};
  words.insert(words.end(), GetParam().begin(), GetParam().end());
  make_orphan(box, "job", words, GetParam().front() + " ");
  Outcome out = box.ctl({"stop", "job"});
  EXPECT_EQ(0, out.code) << out.all();
  for (int left : box.processes())
    ADD_FAILURE() << "left: " << describe(left);
  EXPECT_EQ("stopped", box.state("job"));
  EXPECT_LT(out.took, Millis(20'000)) << "by TERM, and not by KILL";
}

INSTANTIATE_TEST_SUITE_P(Trees, OrphanTrees,
                         testing::Values(Words{"group"}, Words{"double"}, Words{"tree", "6"}),
                         [](const auto& one) { return one.param.front(); });

TEST(Orphan, WhatIsInASessionOfItsOwnAndIgnoresTermIsKilled) {
  Sandbox box;
  make_orphan(
      box, "job",
      {"--kill-timeout", "300ms", "sh", "-c", "setsid " + child("ignores_term") + " & exec sleep 1000"},
      "ready\n");
  EXPECT_EQ(0, box.ctl({"stop", "job"}).code);
  EXPECT_TRUE(box.processes().empty());
}

TEST(Orphan, ThatIgnoresTermIsKilledWhenItsTimeIsOver) {
  Sandbox box;
  int pid = make_orphan(box, "deaf", {"--stop-timeout", "300ms", child("ignores_term")}, "ready\n");
  Outcome out = box.ctl({"stop", "deaf"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_GE(out.took, Millis(300));
  EXPECT_FALSE(alive(pid));
}

TEST(Orphan, GivesTheRestWhatIsLeftOfTheStopTimeAndSaysWhomItKilled) {
  Sandbox box;
  const string server =
      "trap 'sleep 0.5; echo saved' INT; trap '' TERM; echo $$ >pid; echo ready; "
      "while :; do sleep 0.02; done";
  write_text(box.work() / "serve", server);
  make_orphan(box, "web",
              {"--stop-signal", "INT,TERM", "--stop-timeout", "700ms", "--kill-timeout", "50ms", "sh", "-c",
               "trap 'exit 0' INT; bash serve; :"},
              "ready\n");
  Outcome out = box.ctl({"stop", "web"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_GE(out.took, Millis(1300)) << "both signals have their time";
  const string pid = lines_of(read_text(box.work() / "pid")).front();
  EXPECT_TRUE(has(out.out, "; killed pid " + pid + " (bash serve)")) << out.all();
  EXPECT_TRUE(has(out.out, ": it did not end within 700ms of SIGTERM, nor by SIGINT before\n")) << out.all();
  EXPECT_TRUE(has(box.ctl({"why", "web"}).out, "killed pid " + pid));
}

TEST(Orphan, GetsTheSignalsOfTheListAndGoesOnWhenSuspended) {
  Sandbox box;
  auto marks = box.work() / "marks";
  string script = "trap 'echo usr1 >>\"" + marks.string() + "\"' USR1; trap 'echo int >>\"" + marks.string() +
                  "\"; exit 5' INT; echo ready; while :; do sleep 0.02; done";
  int pid = make_orphan(
      box, "job", {"--stop-signal", "USR1,INT", "--stop-timeout", "500ms", "bash", "-c", script}, "ready\n");
  kill(pid, SIGSTOP);
  EXPECT_EQ(0, box.ctl({"stop", "job"}).code);
  EXPECT_EQ("usr1\nint\n", read_text(marks));
}

TEST(Orphan, OfKillModeProcessLeavesTheRestAndNamesIt) {
  Sandbox box;
  box.may_leave();
  int pid = make_orphan(box, "job", {"--kill-mode", "process", child("forks"), "group"}, "group ");
  int member = box.logged_pid("job", "group");
  Outcome out = box.ctl({"stop", "job"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_EQ(
      "stopped job (pid " + std::to_string(pid) + "); left running: pid " + std::to_string(member) + "\n",
      out.out);
  EXPECT_FALSE(alive(pid));
  EXPECT_TRUE(alive(member));
  EXPECT_EQ(std::vector<int>{member}, box.status("job")->left);
}

TEST(Orphan, OfKillModeTreeAsksEverybody) {
  Sandbox box;
  string hidden = "setsid " + child("slow_term") + " 0 & ";
  make_orphan(box, "job",
              {"--kill-mode", "tree", "--kill-timeout", "30s", "sh", "-c", hidden + "exec sleep 1000"},
              "ready\n");
  Outcome out = box.ctl({"stop", "job"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(box.processes().empty());
  EXPECT_LT(out.took, Millis(20'000));
}

TEST(Orphan, OfKillModeMixedAsksTheMainProcessAlone) {
  Sandbox box;
  auto asked = box.work() / "asked";
  make_orphan(
      box, "job",
      {"--kill-mode", "mixed", "--stop-timeout", "400ms", "sh", "-c",
       "sh -c 'trap \"touch asked\" TERM; echo ready; while :; do sleep 0.02; done' & exec sleep 1000"},
      "ready\n");
  Outcome out = box.ctl({"stop", "job"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(box.processes().empty());
  EXPECT_FALSE(std::filesystem::exists(asked));
}

TEST(Orphan, IsStoppedOnWhenTheCommandHasNoMoreTime) {
  Sandbox box;
  auto go = box.work() / "go";
  string script = "trap '' TERM; echo ready; until [ -e " + go.string() + " ]; do sleep 0.02; done";
  make_orphan(box, "job", {"--stop-timeout", "60s", "bash", "-c", script}, "ready\n");
  Outcome out = box.ctl({"stop", "job", "--timeout", "2s"});
  EXPECT_EQ(5, out.code) << out.all();
  EXPECT_TRUE(has(out.err, "cannot stop job: it took too long; it goes on being stopped")) << out.all();
  EXPECT_EQ("stopping", box.state("job"));
  write_text(go, "");
  EVENTUALLY(box.state("job") == "stopped");
}

TEST(Orphan, LeavesOtherKeepersAlone) {
  Sandbox box;
  string other = program("keeper") + " -d -n other --start-secs 0 sleep 1000";
  make_orphan(box, "job", {"sh", "-c", other + "; echo ready; exec sleep 1000"}, "ready\n");
  int kept = box.pid("other");
  ASSERT_TRUE(alive(kept));
  EXPECT_EQ(0, box.ctl({"stop", "job"}).code);
  EXPECT_TRUE(alive(kept));
  EXPECT_EQ("running", box.state("other"));
}

TEST(Orphan, CanHaveItselfStopped) {
  Sandbox box;
  auto go = box.work() / "go";
  string script = "echo ready; until [ -e '" + go.string() + "' ]; do sleep 0.02; done; " + program("ctl") +
                  " stop job; exec sleep 1000";
  make_orphan(box, "job", {"bash", "-c", script}, "ready\n");
  write_text(go, "");
  EVENTUALLY(box.state("job") == "stopped");
  EVENTUALLY(box.processes().empty());
}

TEST(Orphan, ThatTwoCommandsStopAtOnceIsStoppedOnce) {
  Sandbox box;
  auto go = box.work() / "go";
  string script =
      "trap 'echo term' TERM; echo ready; until [ -e '" + go.string() + "' ]; do sleep 0.02; done";
  int pid = make_orphan(box, "slow", {"--stop-timeout", "100s", "bash", "-c", script}, "ready\n");
  Background first = box.start({{program("ctl"), "stop", "slow"}});
  Background second = box.start({{program("ctl"), "stop", "slow"}});
  EVENTUALLY(box.state("slow") == "stopping");
  Outcome list = box.ctl({"list"});
  Outcome again = box.keeper({"-d", "-n", "slow", "sleep", "1000"});
  EXPECT_TRUE(first.running() && second.running()) << "else nothing was tried";
  write_text(go, "");
  EXPECT_EQ(0, list.code) << list.all();
  EXPECT_EQ(1, again.code) << again.all();
  EXPECT_EQ(0, first.wait()) << first.err();
  EXPECT_EQ(0, second.wait()) << second.err();
  for (Background* one : {&first, &second})
    EXPECT_EQ("stopped slow (pid " + std::to_string(pid) + ")\n", one->out());
  EXPECT_EQ("stopped", box.state("slow"));
  const string log = box.log("slow");
  EXPECT_EQ(log.find("term\n"), log.rfind("term\n")) << log;
}

TEST(Deaf, IsNoProcessThatBeganAfterTheRecordWasWritten) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
  Home home = box.open_home();
  Background stranger = box.start({{"sleep", "1000"}});
  Status record = *home.read_status("api");
  record.state = State::running;
  record.keeper_pid = stranger.pid();
  ASSERT_TRUE(home.write_status("api", record));
  auto lock = home.lock("api", Millis(0));
  auto socket = home.bind_socket("api");  // nobody ever answers there
  ASSERT_TRUE(lock && socket);
  string number = std::to_string(stranger.pid());
  Outcome named = box.ctl({"list", "--timeout", "200ms"});
  EXPECT_TRUE(has(named.err, "kill -CONT " + number)) << named.all();
  // Had it been written long before that process began, its number would be another's.
  std::filesystem::path file = home.status_path("api");
  std::filesystem::last_write_time(file, std::filesystem::last_write_time(file) - std::chrono::minutes(1));
  Outcome hidden = box.ctl({"list", "--timeout", "200ms"});
  EXPECT_EQ(5, hidden.code) << hidden.all();
  EXPECT_FALSE(has(hidden.all(), number)) << hidden.all();
  home.unlink_socket("api");
  stranger.signal(SIGKILL);
}

TEST(Orphan, IsStoppedThoughTheCommandAndTheKeeperOrBothHalvesAreKilledMeanwhile) {
  Sandbox box;
  int pid = make_orphan(box, "slow", {"--stop-timeout", "60s", child("ignores_term")}, "ready\n");
  Background first = box.start({{program("ctl"), "stop", "slow"}});
  EVENTUALLY(box.state("slow") == "stopping");
  first.signal(SIGKILL);
  ASSERT_TRUE(first.wait());
  EXPECT_EQ("stopping", box.state("slow")) << "its keeper goes on";
  const int keeper = box.keeper_pid("slow");
  kill(keeper, SIGKILL);
  EVENTUALLY(box.state("slow") == "stopping" && box.keeper_pid("slow") != keeper);
  box.kill_keeper("slow");
  EXPECT_EQ("unreachable", box.state("slow"));
  EXPECT_EQ(pid, box.pid("slow"));
  Outcome late = box.ctl({"stop", "slow", "--timeout", "2s"});
  EXPECT_EQ(5, late.code) << late.all();
  EXPECT_EQ("stopping", box.state("slow"));
  kill(pid, SIGKILL);
  EVENTUALLY(box.state("slow") == "stopped");
}

/// The command finds a program that lives; it ends before a keeper has it.
TEST(Orphan, ThatEndsMeanwhileIsNotStartedAgain) {
  Sandbox box;
  int pid = make_orphan(box, "job", {"sh", "-c", "echo $$ >>starts; echo ready; exec sleep 1000"}, "ready\n");
  kill(pid, SIGKILL);
  EVENTUALLY(!alive(pid));
  Outcome out = box.keeper({"--start=job", "--to-stop=stop"});
  EXPECT_EQ(kTakenExit, out.code) << out.all();
  EXPECT_EQ("", out.all());
  EXPECT_EQ("exited", box.state("job"));
  EXPECT_EQ(1u, lines_of(read_text(box.work() / "starts")).size());
  EXPECT_TRUE(box.processes().empty());
}

/// ctl in a directory of its own.
string ctl_alone(Sandbox& box) {
  const auto own = box.work() / "bin" / "ctl";
  std::filesystem::create_directory(own.parent_path());
  std::filesystem::copy_file(program("ctl"), own);
  return own;
}

TEST(Orphan, StaysAsItIsWhereThereIsNoProgramKeeper) {
  Sandbox box;
  int pid = make_orphan(box, "job", {child("forks"), "group"}, "group ");
  Start stop{{ctl_alone(box), "stop", "job"}};
  stop.environment = {{"PATH", "/nowhere"}};
  Background alone = box.start(stop);
  EXPECT_EQ(1, alone.wait()) << alone.err();
  const string number = std::to_string(pid);
  EXPECT_TRUE(has(alone.err(), "ctl: cannot stop job: there is no program 'keeper' in ")) << alone.err();
  EXPECT_TRUE(has(alone.err(), "; 'kill " + number + "' ")) << alone.err();
  EXPECT_EQ("unreachable", box.state("job"));
  EXPECT_TRUE(alive(pid));
  EXPECT_EQ(0, box.ctl({"stop", "job"}).code);
  EXPECT_TRUE(box.processes().empty());
}

TEST(Orphan, ThatIsRestartedTwiceAtOnceRunsOnce) {
  Sandbox box;
  make_orphan(box, "slow", {child("slow_term"), "700"}, "ready\n");
  Background first = box.start({{program("ctl"), "restart", "slow"}});
  EVENTUALLY(box.state("slow") == "stopping");
  Background second = box.start({{program("ctl"), "restart", "slow"}});
  auto one = first.wait(), other = second.wait();
  // One of them starts it; the other may be told that it is kept already.
  EXPECT_TRUE(one == 0 || other == 0) << first.err() << second.err();
  EVENTUALLY(box.state("slow") == "running");
  EXPECT_EQ(3u, box.processes().size()) << "one guard, one keeper, one program";
}

}  // namespace
}  // namespace keeper
