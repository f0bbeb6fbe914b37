// When to look into a pipe again.
//
// A reader that wakes for every line slows its writer down and uses a processor for it. So where output comes
// often and little at a time it is left to gather for some milliseconds; where it comes much at a time, or
// seldom, it is read at once. Pure: told what each look found.
#pragma once
#include <chrono>
#include <cstddef>

namespace keeper {

using Micros = std::chrono::microseconds;

class Pace {
 public:
  static constexpr Micros kLongest{4'000};  ///< a line waits no longer than that
  static constexpr Micros kShortest{200};   ///< a shorter wait costs more than it brings

  /// After a look at `now` that found `bytes` in a pipe that holds `capacity`: how long to wait before the
  /// next one; zero: until there is something.
  Micros after(std::size_t bytes, std::size_t capacity, Micros now);

 private:
  static constexpr Micros kOften{1'000};
  static constexpr int kInARow = 4;
  static constexpr std::size_t kLittle = 1024;  ///< in one wait: it is not worth waiting for

  Micros adapted(std::size_t bytes, std::size_t capacity) const;

  Micros last_{-1'000'000};
  Micros wait_{0};
  int often_ = 0;
};

}  // namespace keeper
