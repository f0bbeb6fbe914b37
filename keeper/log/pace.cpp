#include "keeper/log/pace.hpp"

#include <algorithm>

namespace keeper {

/// Long enough for the pipe to become half full, and short enough that it never fills up.
Micros Pace::adapted(std::size_t bytes, std::size_t capacity) const {
  if (bytes < kLittle) return Micros(0);
  if (bytes >= capacity) return wait_ / 2;
  if (bytes > capacity / 4 * 3) return wait_ / 4 * 3;
  if (bytes < capacity / 4) return std::min(kLongest, wait_ * 2);
  return wait_;
}

Micros Pace::after(std::size_t bytes, std::size_t capacity, Micros now) {
  Micros passed = now - last_;
  last_ = now;
  if (wait_.count() > 0) {
    wait_ = adapted(bytes, capacity);
    if (wait_ < kShortest) wait_ = Micros(0);
    often_ = 0;
    return wait_;
  }
  bool little_and_often = bytes > 0 && passed < kOften && bytes < capacity / 4;
  often_ = little_and_often ? often_ + 1 : 0;
  if (often_ >= kInARow) wait_ = kShortest * 2;
  return wait_;
}

}  // namespace keeper
