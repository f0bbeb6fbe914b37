// The time of the next look into a pipe.
//
// A reader that wakes for every line slows its writer down and uses a processor for it. So output that comes
// often and in small amounts gathers for some milliseconds; output that comes in large amounts, or seldom, is
// read at once. Pure: the result of each look is passed in.
#pragma once
#include <chrono>
#include <cstddef>

namespace keeper {

using Micros = std::chrono::microseconds;

class Pace {
 public:
  static constexpr Micros kLongest{4'000};  ///< no line waits longer
  static constexpr Micros kShortest{200};   ///< a shorter wait costs more than it saves

  /// Returns how long to wait after a look at `now` that found `bytes` in a pipe that holds `capacity`; zero:
  /// until something comes.
  Micros after(std::size_t bytes, std::size_t capacity, Micros now);

 private:
  static constexpr Micros kOften{1'000};
  static constexpr int kInARow = 4;
  static constexpr std::size_t kLittle = 1024;  ///< bytes in one wait that do not justify it

  Micros adapted(std::size_t bytes, std::size_t capacity) const;

  Micros last_{-1'000'000};
  Micros wait_{0};
  int often_ = 0;
};

}  // namespace keeper
