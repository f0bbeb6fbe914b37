// Until when something is waited for.
#pragma once
#include "protocol/wire/units.hpp"

namespace keeper {

/// Milliseconds that are left until a point of the monotonic clock, for poll(2); -1 for no deadline.
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
