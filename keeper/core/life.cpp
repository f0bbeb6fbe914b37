#include "keeper/core/life.hpp"

#include <algorithm>
#include <utility>

namespace keeper {

void Clock::set(Millis wait, Time now, bool stands) {
  *this = {};
  if (stands)
    held = wait;
  else
    at = now + wait;
}

void Clock::stop(Time now) {
  if (at) held = std::max(*std::exchange(at, std::nullopt) - now, Millis{0});
}

void Clock::go_on(Time now) {
  if (held) at = now + *std::exchange(held, std::nullopt);
}

}  // namespace keeper
