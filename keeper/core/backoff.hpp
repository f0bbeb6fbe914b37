// Backoff: the wait after an early end. Each wait is twice the one before, up to a cap.
#pragma once
#include <cstdint>

#include "protocol/wire/spec.hpp"

namespace keeper {

struct BackoffMemory {
  Millis next{0};  ///< the wait after the next early end; below the low bound: the low bound
  std::uint64_t draws =
      0;  ///< random numbers taken so far, so that a restored memory continues with the same ones
  bool operator==(const BackoffMemory&) const = default;
};

/// Returns the wait for this early end, and lengthens the next one. Jitter subtracts up to a tenth, so that
/// programs do not come back together; it never adds, so the cap holds. `jitter_seed` 0: none.
Millis take_backoff(const Backoff& bounds, std::uint64_t jitter_seed, BackoffMemory& memory);

/// Begins again with the low bound.
void reset_backoff(BackoffMemory& memory);

}  // namespace keeper
