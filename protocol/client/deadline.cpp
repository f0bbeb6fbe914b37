#include "protocol/client/deadline.hpp"

#include <algorithm>
#include <climits>

#include "protocol/base/clock.hpp"

namespace keeper {

Deadline::Deadline(Millis wait) : never_(wait.count() < 0), at_(steady_now() + wait) {}

bool Deadline::passed() const {
  return !never_ && steady_now() >= at_;
}

Millis Deadline::left() const {
  return never_ ? Millis(-1) : std::max(Millis(0), at_ - steady_now());
}

int Deadline::left_for_poll() const {
  return static_cast<int>(std::min<std::int64_t>(left().count(), INT_MAX));
}

}  // namespace keeper
