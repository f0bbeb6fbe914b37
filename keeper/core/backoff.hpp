// Backoff: how long to wait after an early end. Each wait is twice the one before, up to a cap.
#pragma once
#include <cstdint>

#include "protocol/wire/spec.hpp"

namespace keeper {

struct BackoffMemory {
  Millis next{0};  ///< the wait after the next early end; below the low bound: that one
  std::uint64_t draws =
      0;  ///< random numbers taken so far, so that a restored memory goes on with the same ones
  bool operator==(const BackoffMemory&) const = default;
};

/// The wait for this early end; the next one will be longer. Jitter takes away up to a tenth, so programs
/// that died together do not come back together; it never adds, so the cap holds. `jitter_seed` 0: none.
Millis take_backoff(const Backoff& bounds, std::uint64_t jitter_seed, BackoffMemory& memory);

/// Begins again with the low bound.
void reset_backoff(BackoffMemory& memory);

}  // namespace keeper
