// Commands, crashes and restarts at the same moment, a hundred times in a row: the end is always right.
#include <signal.h>
#include <unistd.h>

#include "tests/keeper/support/sandbox.hpp"

namespace keeper {
namespace {

using std::string;

int times() {
  return repeats(sanitized() ? 10 : 100);
}

/// Two commands at once; both exit codes.
std::pair<int, int> both(Sandbox& box, const Words& first, const Words& second) {
  Background one = box.start({first}), other = box.start({second});
  return {one.wait().value_or(-1), other.wait().value_or(-1)};
}

Words ctl(Words words) {
  words.insert(words.begin(), program("ctl"));
  return words;
}

void start(Sandbox& box) {
  Outcome out = box.keeper({"-d", "-n", "api", "--start-secs", "0", "sleep", "1000"});
  ASSERT_EQ(0, out.code) << out.all();
}

/// Nothing lives, and the record says that somebody stopped it.
void expect_stopped(Sandbox& box, int turn) {
  EXPECT_TRUE(box.ended("api")) << turn;
  EXPECT_EQ(State::stopped, box.status("api")->state) << turn;
  EXPECT_EQ(Wanted::down, box.status("api")->wanted) << turn;
  EXPECT_TRUE(box.processes().empty()) << turn;
}

TEST(Again, AStopDuringBackoffIsTheEnd) {
  Sandbox box;
  for (int turn = 0; turn < times() && !HasFailure(); ++turn) {
    // The pause is over at about the time of the stop, or long after it.
    string pause = std::to_string(turn % 2 == 0 ? 10'000 : 20 + turn % 7) + "ms";
    Outcome start = box.keeper({"-d", "-n", "api", "--backoff", pause + ".." + pause, "false"});
    EXPECT_EQ(1, start.code) << start.all();
    EXPECT_EQ(0, box.ctl({"stop", "api"}).code) << turn;
    expect_stopped(box, turn);
  }
}

TEST(Again, ACrashDuringAStopIsNotFollowedByARestart) {
  Sandbox box;
  for (int turn = 0; turn < times() && !HasFailure(); ++turn) {
    start(box);
    int pid = box.pid("api");
    Background stop = box.start({ctl({"stop", "api"})});
    usleep(static_cast<useconds_t>(turn % 10) * 300);  // not a wait: another moment of the stop each time
    kill(pid, SIGKILL);
    EXPECT_EQ(0, stop.wait().value_or(-1)) << turn;
    expect_stopped(box, turn);
  }
}

TEST(Again, TwoRestartsAtOnceEndWithOneNewRun) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  for (int turn = 0; turn < times() && !HasFailure(); ++turn) {
    int before = box.pid("api");
    auto [one, other] = both(box, ctl({"restart", "api"}), ctl({"restart", "api"}));
    EXPECT_TRUE(one == 0 && other == 0) << turn << ": " << one << ", " << other;
    EVENTUALLY(box.state("api") == "running");
    int now = box.pid("api");
    EXPECT_NE(before, now) << turn;
    EXPECT_FALSE(alive(before)) << turn;
    EXPECT_EQ(3u, box.processes().size()) << turn;
    EXPECT_EQ(0u, box.status("api")->restarts) << turn;
  }
}

TEST(Again, TwoClientsMayAskForTheSameStop) {
  Sandbox box;
  for (int turn = 0; turn < times() && !HasFailure(); ++turn) {
    start(box);
    auto [one, other] = both(box, ctl({"stop", "api"}), ctl({"stop", "api"}));
    // The second may come when it is all over: then nothing runs, and it says so.
    EXPECT_TRUE(one == 0 || one == 3) << turn << ": " << one;
    EXPECT_TRUE(other == 0 || other == 3) << turn << ": " << other;
    EXPECT_TRUE(one == 0 || other == 0) << turn;
    expect_stopped(box, turn);
  }
}

TEST(Again, AStopAndAStartInARowAreBothDone) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  for (int turn = 0; turn < times() && !HasFailure(); ++turn) {
    int before = box.pid("api");
    EXPECT_EQ(0, box.ctl({"stop", "api"}).code) << turn;
    EXPECT_EQ(0, box.ctl({"start", "api"}).code) << turn;
    EXPECT_NE(before, box.pid("api")) << turn;
    EXPECT_EQ(3u, box.processes().size()) << turn;
  }
}

/// A program that takes its time to end, which is just being stopped by a command.
void start_stopping(Sandbox& box, std::optional<Background>& stop) {
  box.detach("api",
             {"--start-secs", "0", "--stop-timeout", "1s", "sh", "-c", "trap '' TERM; echo up; sleep 1000"});
  EVENTUALLY(has(box.log("api"), "up"));
  stop.emplace(box.start({ctl({"stop", "api"})}));
  EVENTUALLY(box.state("api") == "stopping");
}

TEST(Overlap, ARestartWhileItIsStoppedIsTheLatestWish) {
  Sandbox box;
  std::optional<Background> stop;
  ASSERT_NO_FATAL_FAILURE(start_stopping(box, stop));
  Outcome restart = box.ctl({"restart", "api"});
  EXPECT_EQ(0, restart.code) << restart.all();
  EXPECT_EQ(1, stop->wait());
  EXPECT_TRUE(has(stop->err(), "started again meanwhile")) << stop->err();
  EXPECT_EQ("running", box.state("api"));
  EXPECT_EQ(2u, box.status("api")->run);
}

TEST(Overlap, AStartWhileItIsStoppedIsTheLatestWish) {
  Sandbox box;
  std::optional<Background> stop;
  ASSERT_NO_FATAL_FAILURE(start_stopping(box, stop));
  Outcome start = box.ctl({"start", "api", "--wait"});
  EXPECT_EQ(0, start.code) << start.all();
  EXPECT_TRUE(has(start.out, "api: started, pid " + std::to_string(box.pid("api")))) << start.all();
  EXPECT_EQ(1, stop->wait());
  EXPECT_EQ("running", box.state("api"));
}

TEST(Overlap, AStartThatIsWaitedForWaitsAlsoWhereItHasBegunBefore) {
  Sandbox box;
  EXPECT_EQ(
      0, box.keeper({"-d", "--no-wait", "-n", "api", "--ready", "cmd:test -e there", "sleep", "1000"}).code);
  Background wait = box.start({ctl({"start", "api", "--wait"})});
  EXPECT_FALSE(wait.wait(Millis(300))) << "it is not ready";
  write_text(box.work() / "there", "");
  EXPECT_EQ(0, wait.wait());
  EXPECT_EQ("running", box.state("api"));
}

TEST(Overlap, AStartThatIsWaitedForSaysThatItWaitsInVain) {
  Sandbox box;
  EXPECT_EQ(0, box.keeper({"-d", "--no-wait", "-n", "api", "--backoff", "50s..50s", "false"}).code);
  EVENTUALLY(box.state("api") == "backoff");
  Outcome start = box.ctl({"start", "api", "--wait"});
  EXPECT_EQ(1, start.code);
  EXPECT_TRUE(has(start.err, "it did not become ready: ")) << start.err;
}

}  // namespace
}  // namespace keeper
