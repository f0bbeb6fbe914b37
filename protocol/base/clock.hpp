// The two clocks: one that only goes forward, for every decision and duration, and the wall clock, for people
// and records.
#pragma once
#include "protocol/base/units.hpp"

namespace keeper {

/// CLOCK_MONOTONIC.
inline Millis steady_now() {
  return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now().time_since_epoch());
}

/// CLOCK_REALTIME.
inline WallTime wall_now() {
  return std::chrono::floor<Millis>(std::chrono::system_clock::now());
}

}  // namespace keeper
