// What a test and the program steps have in common: a file that both map.
#pragma once
#include <atomic>
#include <cstdint>

namespace keeper {

struct Steps {
  std::atomic<std::uint32_t> said;      ///< so many lines
  std::atomic<std::uint32_t> goal;      ///< so many are to be said
  std::atomic<std::uint32_t> crash_at;  ///< behind that line it ends by itself
};

}  // namespace keeper
