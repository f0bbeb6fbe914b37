#include "keeper/core/restart_policy.hpp"

#include <gtest/gtest.h>

namespace keeper {
namespace {

Ending crash_after(Millis lived) {
  return {.exit = ExitInfo::code(1), .confirmed = true, .lived = lived};
}

/// How many restarts a policy allows that come one every `pause`, out of `tries`.
int restarts_allowed(const Policy& policy, Millis pause, int tries) {
  RestartMemory memory;
  int allowed = 0;
  for (Time now{0}; allowed < tries; now += pause, ++allowed)
    if (judge(policy, memory, crash_after(Millis{5'000}), now).state != State::backoff) break;
  return allowed;
}

TEST(RestartPolicy, AllowsTheLimitWithinItsWindowAndNoMore) {
  Policy policy;
  policy.max_restarts = 3;
  policy.restart_window = Millis{60'000};
  EXPECT_EQ(restarts_allowed(policy, Millis{1'000}, 100), 3);
  EXPECT_EQ(restarts_allowed(policy, Millis{19'999}, 100), 3);
  EXPECT_EQ(restarts_allowed(policy, Millis{20'000}, 100), 100);
}

TEST(RestartPolicy, CountsALargeLimitInLittleMemory) {
  Policy policy;
  policy.max_restarts = 10'000;
  policy.restart_window = Millis{3'600'000};
  RestartMemory memory;
  int allowed = 0;
  for (Time now{0}; judge(policy, memory, crash_after(Millis{5'000}), now).state == State::backoff;
       now += Millis{100})
    ++allowed;
  EXPECT_EQ(allowed, 10'000);
  EXPECT_LE(memory.marks.size(), 65U);
}

TEST(RestartPolicy, LetsALargeLimitPassThatIsSpreadOut) {
  Policy policy;
  policy.max_restarts = 1'000;
  policy.restart_window = Millis{100'000};
  EXPECT_EQ(restarts_allowed(policy, Millis{110}, 20'000), 20'000);
}

/// Also where KILL is one of the exits that are expected: it is no result of the program's own.
TEST(RestartPolicy, AnEndForWantOfMemoryIsAFailure) {
  Policy policy;
  policy.restart = Restart::on_failure;
  policy.exit_codes = *ExitCodes::parse("0,SIGKILL");
  RestartMemory memory;
  Ending ending{.exit = ExitInfo::signal(SIGKILL), .confirmed = true, .lived = Millis{5'000}};
  EXPECT_EQ(judge(policy, memory, ending, Time{0}).state, State::exited);
  ending.out_of_memory = true;
  EXPECT_EQ(judge(policy, memory, ending, Time{0}).state, State::backoff);
}

TEST(RestartPolicy, AnUnknownExitIsUnexpected) {
  Policy policy;
  policy.restart = Restart::on_failure;
  RestartMemory memory;
  EXPECT_EQ(judge(policy, memory, {.exit = ExitInfo::unknown()}, Time{0}).state, State::backoff);
  EXPECT_EQ(judge(policy, memory, {.exit = ExitInfo::code(0)}, Time{0}).state, State::exited);
}

TEST(RestartPolicy, AnExpectedExitIsNoFailedStart) {
  Policy policy;
  policy.restart = Restart::on_failure;
  policy.start_retries = 0;
  RestartMemory memory;
  EXPECT_EQ(judge(policy, memory, {.exit = ExitInfo::code(0)}, Time{0}).state, State::exited);
}

TEST(RestartPolicy, ForgetsFailuresButNotItsPlaceInTheRandomNumbers) {
  RestartMemory memory;
  memory.failed_starts = 2;
  memory.restarts = 3;
  memory.marks = {{Time{1}, 1}};
  memory.backoff = {Millis{800}, 5};
  forget_failures(memory);
  RestartMemory expected;
  expected.backoff.draws = 5;
  EXPECT_EQ(memory, expected);
}

}  // namespace
}  // namespace keeper
