// The time at which waiting for something ends.
#pragma once
#include "protocol/base/units.hpp"

namespace keeper {

/// Returns the milliseconds until a point of the monotonic clock, for poll(2); -1 without a deadline.
class Deadline {
 public:
  explicit Deadline(Millis wait);  ///< negative: never
  bool passed() const;
  int left_for_poll() const;
  Millis left() const;

 private:
  bool never_;
  Millis at_;
};

}  // namespace keeper
