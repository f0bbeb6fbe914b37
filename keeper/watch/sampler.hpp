// Memory and CPU of processes, read from /proc on request only.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/base/fd.hpp"
#include "protocol/base/units.hpp"

namespace keeper {

struct Usage {
  std::uint64_t memory_bytes = 0;  ///< resident
  double cpu_percent = 0;          ///< of one core
};

/// Sums up a tree from its root, and keeps its CPU time between calls.
class Sampler {
 public:
  /// Returns resident memory now, and CPU since the last call (at least 1 s ago), else since `started`. Times
  /// are CLOCK_MONOTONIC. Nothing if the root is gone.
  std::optional<Usage> sample(int root, Millis started, Millis now);

 private:
  void follow(int root);

  int root_ = 0;
  Fd statm_;     ///< /proc/ROOT/statm, kept open: opening it costs five times as much as reading it
  Fd tasks_;     ///< /proc/ROOT/task, and
  Fd children_;  ///< its children, likewise
  bool measured_ = false;
  std::uint64_t cpu_ns_ = 0;
  Millis at_{0};
};

}  // namespace keeper
