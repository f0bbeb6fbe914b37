#include "keeper/core/backoff.hpp"

#include <algorithm>

namespace keeper {
namespace {

/// Returns the n-th number of the sequence of a seed (splitmix64, Steele and others, 2014).
std::uint64_t random_number(std::uint64_t seed, std::uint64_t n) {
  std::uint64_t z = seed + n * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

Millis jitter(Millis wait, std::uint64_t seed, BackoffMemory& memory) {
  if (seed == 0 || wait.count() <= 0) return Millis{0};
  auto most = static_cast<std::uint64_t>(wait.count()) / 10;
  return Millis{static_cast<Millis::rep>(random_number(seed, ++memory.draws) % (most + 1))};
}

}  // namespace

Millis take_backoff(const Backoff& bounds, std::uint64_t jitter_seed, BackoffMemory& memory) {
  if (bounds.none()) return Millis{0};
  Millis wait = std::min(std::max(memory.next, bounds.low), bounds.high);
  memory.next = wait > bounds.high / 2 ? bounds.high : wait * 2;
  return wait - jitter(wait, jitter_seed, memory);
}

void reset_backoff(BackoffMemory& memory) {
  memory.next = Millis{0};
}

}  // namespace keeper
