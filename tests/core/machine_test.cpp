#include "keeper/core/machine.hpp"

#include <gtest/gtest.h>

#include "tests/core/sim.hpp"

namespace keeper {
namespace {

TEST(Machine, KnowsNothingAtFirst) {
  Machine machine{Policy{}};
  EXPECT_EQ(machine.state(), State::stopped);
  EXPECT_EQ(machine.wanted(), Wanted::down);
  EXPECT_EQ(machine.run(), 0U);
  EXPECT_FALSE(machine.pid());
  EXPECT_FALSE(machine.deadline());
  EXPECT_FALSE(machine.finished());
}

TEST(Machine, CanBeginWithALaterRun) {
  Snapshot snapshot;
  snapshot.next_run = 8;
  Sim sim{Policy{}};
  sim.machine = Machine(Policy{}, snapshot);
  EXPECT_EQ(sim.machine.run(), 7U);
  EXPECT_EQ(sim.tell(event::Start{}), Lines{"spawn #8"});
}

TEST(Machine, TellsThePidOfWhoStillLives) {
  Sim sim{Policy{}};
  sim.tell(event::Start{});
  sim.tell(event::SpawnSucceeded{1, 100});
  sim.tell(event::Reload{});
  sim.tell(event::SpawnSucceeded{2, 200});
  EXPECT_EQ(sim.machine.pid(), 100);
  sim.tell(event::Stop{});
  sim.tell(event::Exited{1, ExitInfo::code(0), true});
  EXPECT_EQ(sim.machine.pid(), 200);
  EXPECT_EQ(sim.machine.run(), 2U);
  sim.tell(event::Exited{2, ExitInfo::code(0), true});
  EXPECT_FALSE(sim.machine.pid());
  EXPECT_FALSE(sim.machine.finished());
}

TEST(Machine, KeepsOnlyAsMuchOfATextAsASnapshotHasRoomFor) {
  Sim sim{Policy{}};
  sim.tell(event::Start{});
  std::string text = "exec " + std::string(994, 'x') + "\xC3\xA4 and more";
  sim.tell(event::SpawnFailed{1, false, text});
  EXPECT_EQ(sim.machine.spawn_error(), text.substr(0, 999));
}

TEST(Machine, ATimeThatGoesBackIsNoNegativeLife) {
  Sim sim{Policy{}};
  sim.now = Time{5'000};
  sim.tell(event::Start{});
  sim.tell(event::SpawnSucceeded{1, 100});
  sim.now = Time{4'000};
  sim.tell(event::Exited{1, ExitInfo::code(0), false});
  EXPECT_EQ(sim.machine.last_end()->lived, Millis{0});
}

TEST(Machine, KillsAtOnceWhereThereIsNoStopSignal) {
  Policy policy;
  policy.stop_signal.clear();
  Sim sim{policy};
  sim.tell(event::Start{});
  sim.tell(event::SpawnSucceeded{1, 100});
  EXPECT_EQ(sim.tell(event::Stop{}), (Lines{"announce stopping #1 cause=stop", "signal #1 SIGKILL tree"}));
}

TEST(Policy, IsMadeFromASpec) {
  Spec spec;
  spec.restart = Restart::on_failure;
  spec.exit_codes = *ExitCodes::parse("3");
  spec.start_secs = Millis{2};
  spec.start_retries = 3;
  spec.max_restarts = 4;
  spec.restart_window = Millis{5};
  spec.restart_delay = Millis{6};
  spec.backoff = {Millis{7}, Millis{8}};
  spec.stop_signal = {SIGINT};
  spec.stop_message = "shutdown";
  spec.stop_timeout = Millis{9};
  spec.kill_timeout = Millis{10};
  Policy policy = make_policy(spec, 11);
  EXPECT_EQ(policy.restart, spec.restart);
  EXPECT_EQ(policy.exit_codes, spec.exit_codes);
  EXPECT_EQ(policy.start_secs, spec.start_secs);
  EXPECT_EQ(policy.start_retries, spec.start_retries);
  EXPECT_EQ(policy.max_restarts, spec.max_restarts);
  EXPECT_EQ(policy.restart_window, spec.restart_window);
  EXPECT_EQ(policy.restart_delay, spec.restart_delay);
  EXPECT_EQ(policy.backoff, spec.backoff);
  EXPECT_EQ(policy.stop_signal, spec.stop_signal);
  EXPECT_TRUE(policy.stop_message);
  EXPECT_FALSE(policy.leaves_cluster);
  spec.cluster = true;
  EXPECT_TRUE(make_policy(spec, 0).leaves_cluster);
  EXPECT_EQ(policy.stop_timeout, spec.stop_timeout);
  EXPECT_EQ(policy.kill_timeout, spec.kill_timeout);
  EXPECT_EQ(policy.jitter_seed, 11U);
}

}  // namespace
}  // namespace keeper
