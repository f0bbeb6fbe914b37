// Bytes become events; whatever their order, the machine keeps its promises (tests/core/world.hpp).
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/core/world.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::size_t used = 0;
  keeper::Pick pick = [&](unsigned n) { return used < size ? data[used++] % n : 0u; };
  keeper::World world(keeper::any_policy(pick), true);
  while (used < size) {
    std::string problem = world.turn(pick);
    if (problem.empty()) continue;
    std::fprintf(stderr, "%s\n", problem.c_str());
    std::abort();
  }
  return 0;
}
