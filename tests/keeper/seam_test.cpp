// What only the seam can bring about: moments that are too short to hit, an older guard, and a count of what
// is not to be done.
#include <signal.h>

#include "tests/keeper/support/faulty.hpp"

namespace keeper {
namespace {

using faults::Act;
using faults::Call;
using std::string;

/// A home with an app that a keeper_faulty keeps.
class Seam : public testing::Test {
 protected:
  void SetUp() override { NEEDS_KEEPER_FAULTY(); }
  void begin(const Words& words) {
    Words all = {"--backoff", "none", "--stop-timeout", "3s", "--kill-timeout", "1s"};
    all.insert(all.end(), words.begin(), words.end());
    const Outcome out = box_.run(faulty(box_, all, "api"));
    ASSERT_EQ(0, out.code) << out.all();
  }
  string file_of(int pid, const string& name) {
    return read_text("/proc/" + std::to_string(pid) + "/" + name);
  }
  /// The pid of the process that waits just before its exec; 0: there is none.
  int stopped() {
    for (int pid : box_.processes())
      if (has(file_of(pid, "stat"), ") T ")) return pid;
    return 0;
  }
  /// From now on the next use of that call.
  void arm(Act act, Call call) {
    plan_->call = static_cast<std::uint32_t>(call);
    plan_->use = plan_->used[static_cast<std::uint32_t>(call)] + 1;
    plan_->act = act;
  }
  /// The next run stops at its exec, and its keeper is killed. Returns its pid.
  int stop_at_exec(Act act) {
    arm(act, Call::execve);
    const int keeper = box_.keeper_pid("api");
    kill(box_.pid("api"), SIGKILL);
    EXPECT_TRUE(eventually([&] { return stopped() != 0 && !alive(keeper); }));
    plan_->act = Act::none;
    return stopped();
  }
  /// The longest time that the app's keeper takes for an answer in the next 100 ms.
  Millis slowest_answer() {
    Millis out{0};
    for (const Millis until = now() + Millis(100); now() < until;) {
      const Millis asked = now();
      EXPECT_TRUE(box_.status("api"));
      out = std::max(out, now() - asked);
    }
    return out;
  }

  Sandbox box_;
  PlanOf plan_{box_};
};

/// A process that has claimed its spawn and does not execute its program. The best of eight: other tests keep
/// the machine busy, but not each time.
TEST_F(Seam, AClaimThatIsNeverExecutedIsTakenUpAndNobodyWaitsForIt) {
  begin({"sleep", "1000"});
  Millis slowest = kLimit;
  for (int attempt = 0; attempt < 8 && slowest > Millis(50) && !HasFailure(); ++attempt) {
    const int pid = stop_at_exec(Act::stop);
    ASSERT_GT(pid, 0);
    slowest = std::min(slowest, slowest_answer());
    EVENTUALLY(box_.pid("api") == pid);
    EXPECT_EQ(3u, box_.processes().size()) << "guard, keeper and program";
    EXPECT_TRUE(has(file_of(pid, "cmdline"), "keeper: api")) << "it is not executed";
    kill(pid, SIGKILL);
    EVENTUALLY(box_.runs_another("api", pid));
  }
  EXPECT_LE(slowest, Millis(50));
}

/// Both halves are killed while the kernel executes the program, which shows neither what it was nor what it
/// will be.
TEST_F(Seam, AProgramInTheMiddleOfItsExecIsTakenUp) {
  begin({"sleep", "1000"});
  const int pid = stop_at_exec(Act::stop_blank);
  ASSERT_GT(pid, 0);
  if (!file_of(pid, "cmdline").empty())
    GTEST_SKIP() << "no process can change here what it shows (PR_SET_MM_MAP)";
  const Outcome start = box_.ctl({"start", "api"});
  EXPECT_EQ(0, start.code) << start.all();
  EXPECT_EQ(pid, box_.pid("api"));
  EXPECT_EQ(3u, box_.processes().size()) << "guard, keeper and program";
  kill(pid, SIGCONT);
  EVENTUALLY(has(file_of(pid, "cmdline"), "1000"));
  EXPECT_EQ(pid, box_.pid("api"));
  EXPECT_EQ("running", box_.state("api"));
}

/// The walk takes microseconds for each process of the machine: only a run that an earlier keeper started
/// needs it.
TEST_F(Seam, ARestartDoesNotWalkThroughProc) {
  begin({"sh", "-c", "sleep 1000 & wait"});
  const auto before = plan_->walks.load();
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(0, box_.ctl({"restart", "api"}).code);
  const int pid = box_.pid("api");
  kill(pid, SIGKILL);
  EVENTUALLY(box_.runs_another("api", pid));
  EXPECT_EQ(before, plan_->walks.load());
  // As a proof that walks are counted.
  const int keeper = box_.keeper_pid("api");
  kill(keeper, SIGKILL);
  EVENTUALLY(box_.keeper_pid("api") > 0 && box_.keeper_pid("api") != keeper);
  ASSERT_EQ(0, box_.ctl({"restart", "api"}).code);
  EXPECT_LT(before, plan_->walks.load());
}

/// Also of an app that is known, and whose files an earlier keeper has left.
TEST_F(Seam, AStartDoesNotWalkThroughProc) {
  begin({"sh", "-c", "sleep 1000 & wait"});
  EXPECT_EQ(0u, plan_->walks.load()) << "the first start";
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(0, box_.ctl({"stop", "api"}).code);
    begin({"sh", "-c", "sleep 1000 & wait"});
    EXPECT_EQ(0u, plan_->walks.load()) << "a later start";
  }
  ASSERT_EQ(0, box_.ctl({"stop", "api"}).code);
  Start recorded{{program("keeper_faulty"), "--start", "api"}};
  recorded.environment = {{"FAULT_PLAN", (box_.root() / "plan").string()}};
  const Outcome out = box_.run(recorded);
  ASSERT_EQ(0, out.code) << out.all();
  EXPECT_EQ(0u, plan_->walks.load()) << "as 'ctl start' starts it";
}

TEST_F(Seam, AKeeperThatCannotBecomeTheGuardIsAtRiskUntilItCan) {
  begin({"sleep", "1000"});
  const Status before = *box_.status("api");
  arm(Act::fail, Call::execve);
  kill(*before.guard_pid, SIGKILL);
  EVENTUALLY(box_.status("api")->at_risk.has_value());
  EXPECT_TRUE(has(*box_.status("api")->at_risk, "cannot start a guard: ")) << *box_.status("api")->at_risk;
  EXPECT_TRUE(has(box_.ctl({"list"}).out, "at risk"));
  EVENTUALLY(box_.guard_pid("api") == *before.keeper_pid && !box_.status("api")->at_risk);
  EXPECT_EQ(before.pid, box_.pid("api"));
}

/// The command that asks for it is of the run, and ends with it: only a keeper can finish the deletion.
TEST_F(Seam, AKeeperThatIsKilledInADeletionIsFollowedByOneThatFinishesIt) {
  for (const Call call : {Call::unlink, Call::unlinkat, Call::renameat}) {
    for (std::uint32_t use = 1; use <= 4; ++use) {
      SCOPED_TRACE("call " + std::to_string(static_cast<int>(call)) + ", use " + std::to_string(use));
      begin({"sh", "-c",
             "until test -e go; do sleep 0.01; done; " + program("ctl") + " delete api; sleep 1000"});
      plan_->fired = 0;
      arm(Act::kill, call);
      plan_->use = plan_->use + use - 1;
      write_text(box_.work() / "go", "");
      EVENTUALLY(box_.processes().empty());
      std::filesystem::remove(box_.work() / "go");
      plan_->act = Act::none;
      if (use == 1) {
        EXPECT_EQ(1u, plan_->fired.load());
      }
      for (const char* left : {"apps/api", "apps/.api.removed", "sock/api.sock", "logs/api.log"})
        EXPECT_FALSE(std::filesystem::exists(box_.home() / left)) << left;
      if (HasFailure()) return;
    }
  }
}

/// It holds 64 descriptors, as the guards of older builds.
TEST_F(Seam, AGuardThatHoldsTooFewIsARiskAndNoLoss) {
  write_text(box_.work() / "many.js",
             "const net = require('net');\n"
             "const next = (i) => {\n"
             "  if (i === 80) return console.log('listens');\n"
             "  net.createServer((c) => c.end('up')).listen('./s' + i, () => next(i + 1));\n"
             "};\n"
             "next(0);\n");
  begin({"--cluster", "many.js"});
  EVENTUALLY(box_.logged("api", "listens"));
  EVENTUALLY(box_.status("api")->at_risk.has_value());
  const Status before = *box_.status("api");
  EXPECT_TRUE(has(*before.at_risk, "has no room for it")) << *before.at_risk;
  EXPECT_TRUE(has(box_.ctl({"doctor"}).out, "'kill -KILL " + std::to_string(*before.guard_pid) + "'"));
  // What it does not hold is found with the program.
  kill(*before.keeper_pid, SIGKILL);
  EVENTUALLY(box_.keeper_pid("api") > 0 && box_.keeper_pid("api") != *before.keeper_pid);
  EXPECT_EQ(before.pid, box_.pid("api"));
  EVENTUALLY(box_.status("api")->at_risk.has_value());
  // So the next run has all that the last one had.
  ASSERT_EQ(0, box_.ctl({"restart", "api"}).code);
  EVENTUALLY(count_of(box_.log("api"), "listens") == 2);
}

}  // namespace
}  // namespace keeper
