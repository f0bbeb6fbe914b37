#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/core/world.hpp"

namespace keeper {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr unsigned kSeeds = 2'000;  // more of the same code, at a tenth of the speed
#else
constexpr unsigned kSeeds = 10'000;
#endif
constexpr int kTurns = 300;

/// Plays one seed; a machine that has left gets a few more events and then a successor.
std::string play(unsigned seed, bool with_twin, std::map<State, int>& seen) {
  std::minstd_rand random(seed + 1);
  Pick pick = [&](unsigned n) { return static_cast<unsigned>(random() >> 8) % n; };
  World world(any_policy(pick), with_twin);
  int after = 0;
  for (int turn = 0; turn < kTurns; ++turn) {
    if (std::string problem = world.turn(pick); !problem.empty()) return problem;
    ++seen[world.machine().state()];
    if (!world.left() || ++after < 5) continue;
    world = World(any_policy(pick), with_twin);
    after = 0;
  }
  return {};
}

TEST(Random, KeepsEveryPromise) {
  std::map<State, int> seen;
  for (unsigned seed = 0; seed < kSeeds; ++seed)
    ASSERT_EQ(play(seed, false, seen), "") << "seed " << seed;
  for (State state : {State::starting, State::running, State::backoff, State::stopping, State::suspended,
                      State::stopped, State::exited, State::fatal})
    EXPECT_GT(seen[state], kSeeds / 10) << word_for(state);
}

TEST(Random, ARestoredMachineDoesWhatTheFirstOneDoes) {
  std::map<State, int> seen;
  for (unsigned seed = 0; seed < kSeeds / 10; ++seed)
    ASSERT_EQ(play(seed, true, seen), "") << "seed " << seed;
}

}  // namespace
}  // namespace keeper
