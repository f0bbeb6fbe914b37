#include "keeper/log/pace.hpp"

#include <gtest/gtest.h>

namespace keeper {
namespace {

constexpr std::size_t kPipe = 1 << 20;

/// Looks at a pipe again and again, and knows how its writer writes.
struct Reader {
  Pace pace;
  Micros now{1'000'000};
  Micros wait{0};
  /// `times` looks at a writer of so many bytes a millisecond, who is otherwise looked at after `every`; the
  /// last wait.
  Micros look(int times, std::size_t bytes_a_milli, Micros every) {
    for (int i = 0; i < times; ++i) {
      Micros passed = wait.count() > 0 ? wait : every;
      now += passed;
      auto bytes = bytes_a_milli * static_cast<std::size_t>(passed.count()) / 1000;
      wait = pace.after(std::min(bytes, kPipe), kPipe, now);
    }
    return wait;
  }
};

TEST(Pace, WhatComesSeldomIsReadAtOnce) {
  Reader reader;
  EXPECT_EQ(0, reader.look(100, 1, Micros(50'000)).count());
}

TEST(Pace, WhatComesOftenAndLittleIsLeftToGatherButNotForLong) {
  Reader reader;
  EXPECT_EQ(0, reader.look(3, 10'000, Micros(100)).count());
  EXPECT_GT(reader.look(3, 10'000, Micros(100)).count(), 0);
  EXPECT_EQ(Pace::kLongest, reader.look(20, 10'000, Micros(100)));
}

TEST(Pace, AFastWriterNeverFillsThePipe) {
  for (std::size_t a_milli : {50'000u, 200'000u, 400'000u}) {
    Reader reader;
    reader.look(50, a_milli, Micros(100));
    for (int i = 0; i < 50; ++i) {
      reader.look(1, a_milli, Micros(100));
      EXPECT_LT(a_milli * static_cast<std::size_t>(reader.wait.count()) / 1000, kPipe) << a_milli;
    }
  }
}

TEST(Pace, AFullPipeIsWaitedForLessAndLess) {
  Reader reader;
  Micros wait = reader.look(20, 10'000, Micros(100));
  while (wait.count() > 0) {
    Micros next = reader.pace.after(kPipe, kPipe, reader.now += wait);
    ASSERT_LT(next, wait);
    wait = next;
  }
}

TEST(Pace, WhenItIsQuietAgainNothingIsWaitedFor) {
  Reader reader;
  EXPECT_GT(reader.look(20, 10'000, Micros(100)).count(), 0);
  EXPECT_EQ(0, reader.pace.after(0, kPipe, reader.now + Micros(4'000)).count());
}

}  // namespace
}  // namespace keeper
