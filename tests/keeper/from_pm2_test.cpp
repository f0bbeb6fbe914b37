// What pm2's users rely on, each as the README's table "Coming from pm2" has it.
#include <signal.h>

#include "tests/keeper/support/sandbox.hpp"

namespace keeper {
namespace {

using std::string;

const string kProgram = CHILD_SCRIPTS "/from_pm2.js";

TEST(FromPm2, WaitReadyIsReadyNode) {
  Sandbox box;
  Outcome out = box.keeper({"-d", "-n", "api", "--ready", "node", kProgram});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_GE(out.took, Millis(200)) << "it returns when the program has said so";
  EXPECT_EQ("running", box.state("api"));
}

TEST(FromPm2, ListenTimeoutIsReadyTimeoutAndNoSuccess) {
  Sandbox box;
  Outcome out =
      box.keeper({"-d", "-n", "api", "--ready", "node", "--ready-timeout", "400ms", kProgram, "mute"});
  EXPECT_EQ(1, out.code) << out.all();
  EXPECT_TRUE(has(out.all(), "process.send('ready')")) << out.all();
}

TEST(FromPm2, ShutdownWithMessageIsStopMessage) {
  Sandbox box;
  box.detach("api", {"--stop-message", "shutdown", "--stop-timeout", "20s", kProgram});
  EVENTUALLY(box.logged("api", "pid "));
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_TRUE(box.logged("api", "closing\nclosed\n")) << box.log("api");
  EXPECT_TRUE(box.logged("api", "ended with code 0"));
}

TEST(FromPm2, KillTimeoutIsStopTimeout) {
  Sandbox box;
  box.detach("api", {"--stop-message", "shutdown", "--stop-signal", "USR2", "--stop-timeout", "2s", kProgram,
                     "slow"});
  EVENTUALLY(box.logged("api", "pid "));
  Outcome out = box.ctl({"stop", "api"});
  EXPECT_EQ(0, out.code);
  EXPECT_LT(out.took, Millis(10'000));
  EXPECT_TRUE(box.logged("api", "closing")) << box.log("api");
  EXPECT_FALSE(box.logged("api", "closed"));
}

TEST(FromPm2, AnUncaughtExceptionEndsARunAndTheNextBegins) {
  Sandbox box;
  box.detach("api", {kProgram, "throws"});
  const int first = box.pid("api");
  EVENTUALLY(box.runs_another("api", first));
  EXPECT_TRUE(box.logged("api", "uncaught: on purpose"));
  EXPECT_GE(box.status("api")->restarts, 1u);
  EXPECT_EQ(ExitInfo::code(1), box.status("api")->last_exit->exit);
  EXPECT_TRUE(has(box.ctl({"why", "api"}).out, "uncaught: on purpose"));
}

TEST(FromPm2, OneThatLooksAtItsOwnHeapIsStartedAnew) {
  Sandbox box;
  box.detach("api", {kProgram, "grows"});
  const int first = box.pid("api");
  EVENTUALLY(box.runs_another("api", first));
  EXPECT_TRUE(box.logged("api", "heap too large"));
}

TEST(FromPm2, SeveralAreWorkersWithNumbers) {
  Sandbox box;
  box.detach("api", {"-i", "2", kProgram});
  EVENTUALLY(box.logged("api", "instance 0") && box.logged("api:1", "instance 1"));
}

TEST(FromPm2, WhatWasLoggedBeforeAnExitIsInTheLog) {
  Sandbox box;
  const string lines =
      "for (let i = 0; i < 50000; ++i) console.log('line ' + i); console.error('last'); process.exit(3)";
  box.keeper({"-d", "-n", "api", "--restart", "never", "--start-secs", "0", "--", "node", "-e", lines});
  EVENTUALLY(box.state("api") == "exited");
  const string log = box.log("api");
  EXPECT_EQ(50'000, count_of(log, "line "));
  EXPECT_TRUE(has(log, "line 49999\nlast\n"));
  EXPECT_TRUE(has(log, "ended with code 3"));
}

}  // namespace
}  // namespace keeper
