#include "keeper/core/backoff.hpp"

#include <gtest/gtest.h>

namespace keeper {
namespace {

TEST(Backoff, DoublesUpToItsCap) {
  BackoffMemory memory;
  std::vector<int> waits;
  for (int i = 0; i < 6; ++i)
    waits.push_back(static_cast<int>(take_backoff({Millis{100}, Millis{1'000}}, 0, memory).count()));
  EXPECT_EQ(waits, (std::vector<int>{100, 200, 400, 800, 1'000, 1'000}));
}

TEST(Backoff, BeginsAgainAfterAReset) {
  BackoffMemory memory;
  Backoff bounds{Millis{100}, Millis{1'000}};
  take_backoff(bounds, 0, memory);
  take_backoff(bounds, 0, memory);
  reset_backoff(memory);
  EXPECT_EQ(take_backoff(bounds, 0, memory), Millis{100});
}

TEST(Backoff, OfNoneIsNoWait) {
  BackoffMemory memory;
  EXPECT_EQ(take_backoff({Millis{100}, Millis{0}}, 5, memory), Millis{0});
}

TEST(Backoff, DoesNotOverflowAtTheLargestCap) {
  BackoffMemory memory;
  Backoff bounds{Millis{1}, Millis::max()};
  for (int i = 0; i < 100; ++i)
    EXPECT_GT(take_backoff(bounds, 0, memory), Millis{0});
  EXPECT_EQ(take_backoff(bounds, 0, memory), Millis::max());
}

TEST(Backoff, JitterTakesAwayAtMostATenthAndAddsNothing) {
  BackoffMemory memory;
  Millis least{1'000}, most{0};
  for (int i = 0; i < 2'000; ++i) {
    Millis wait = take_backoff({Millis{1'000}, Millis{1'000}}, 42, memory);
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  EXPECT_EQ(least, Millis{900});
  EXPECT_EQ(most, Millis{1'000});
}

TEST(Backoff, JitterIsTheSameForTheSameSeedAndAnotherForAnother) {
  auto waits = [](std::uint64_t seed) {
    BackoffMemory memory;
    std::vector<Millis> all;
    for (int i = 0; i < 8; ++i)
      all.push_back(take_backoff({Millis{1'000}, Millis{1'000}}, seed, memory));
    return all;
  };
  EXPECT_EQ(waits(1), waits(1));
  EXPECT_NE(waits(1), waits(2));
}

TEST(Backoff, JitterDoesNotMakeTheNextWaitShorter) {
  BackoffMemory plain, shaken;
  Backoff bounds{Millis{1'000}, Millis{8'000}};
  for (int i = 0; i < 4; ++i) {
    Millis full = take_backoff(bounds, 0, plain);
    Millis wait = take_backoff(bounds, 9, shaken);
    EXPECT_LE(wait, full);
    EXPECT_GE(wait, full * 9 / 10);
  }
}

}  // namespace
}  // namespace keeper
