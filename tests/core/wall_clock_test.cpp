// The wall clock may be set while an app is kept. Nothing that is decided depends on it: the machine is only
// ever told a clock that never goes back, and what the recorder says in durations comes from that one too.
#include <gtest/gtest.h>

#include <csignal>

#include "keeper/core/recorder.hpp"
#include "tests/core/sim.hpp"

namespace keeper {
namespace {

constexpr Millis kDay{86'400'000};

/// A machine with its recorder: one that is not ready in time, waits for its next start, is confirmed, and
/// has to be killed. `leap` is what the wall clock is set by in the middle of each of these waits.
class Flight {
 public:
  explicit Flight(Millis leap) : leap_(leap), machine_(policy()), recorder_({}, Restart::always) {
    tell(event::Start{});
    tell(event::SpawnSucceeded{1, 101});
    wait_out();  // for its readiness
    tell(event::Exited{1, ExitInfo::signal(SIGTERM)});
    wait_out();  // for its next start
    tell(event::SpawnSucceeded{2, 102});
    tell(event::Ready{2, 0});
    tell(event::Stop{});
    wait_out();  // for its end
    tell(event::Exited{2, ExitInfo::signal(SIGKILL)});
  }

  Lines lines;
  const std::vector<RunRecord>& runs() const { return recorder_.runs(); }
  bool finished() const { return machine_.finished(); }

 private:
  static Policy policy() {
    Policy policy;
    policy.ready_events = 1;
    policy.ready_secs = false;
    policy.ready_timeout = Millis{5'000};
    policy.backoff = Backoff{Millis{3'000}, Millis{3'000}};
    return policy;
  }

  void tell(const Event& event) {
    for (const Action& action : machine_.step(event, now_)) {
      lines.push_back(duration_text(now_) + ": " + describe(action));
      if (auto* a = std::get_if<action::Announce>(&action)) recorder_.note(*a, WallTime(wall_), now_);
    }
    if (machine_.finished()) recorder_.note_end(machine_.state(), machine_.reason());
  }

  /// Until its deadline, with a Tick half-way, just after the clock was set.
  void wait_out() {
    ASSERT_TRUE(machine_.deadline());
    Millis half = (*machine_.deadline() - now_) / 2;
    pass(half);
    wall_ += leap_;
    tell(event::Tick{});
    pass(*machine_.deadline() - now_);
    tell(event::Tick{});
  }
  void pass(Millis time) {
    now_ += time;
    wall_ += time;
  }

  Millis leap_;
  Machine machine_;
  Recorder recorder_;
  Time now_{0};
  Millis wall_{1'000 * kDay.count()};
};

class WallClock : public testing::TestWithParam<Millis> {};

TEST_P(WallClock, ThatIsSetChangesNothing) {
  Flight still(Millis{0}), moved(GetParam());
  EXPECT_EQ(still.lines, moved.lines);
  EXPECT_TRUE(moved.finished());
  ASSERT_EQ(2u, moved.runs().size());
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(still.runs()[i].lived_ms, moved.runs()[i].lived_ms);
    EXPECT_EQ(still.runs()[i].cause, moved.runs()[i].cause);
    EXPECT_EQ(still.runs()[i].decision->delay_ms, moved.runs()[i].decision->delay_ms);
  }
  EXPECT_EQ(5'000, moved.runs()[0].lived_ms);
  EXPECT_EQ(3'000, moved.runs()[0].decision->delay_ms);
  EXPECT_EQ(10'000, moved.runs()[1].lived_ms);
}

INSTANTIATE_TEST_SUITE_P(ByADay, WallClock, testing::Values(kDay, -kDay),
                         [](const auto& one) { return one.param.count() > 0 ? "Forwards" : "Backwards"; });

}  // namespace
}  // namespace keeper
