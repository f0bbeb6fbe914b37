// Any bytes can be read as what a keeper left; what was understood is written as bytes that are understood
// the same, also by one that passes over what it does not know.
#include <cstdint>
#include <cstdlib>

#include "keeper/app/kept_state.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const std::string once = keeper::to_bytes(keeper::kept_state_from(bytes));
  if (keeper::to_bytes(keeper::kept_state_from(once)) != once) std::abort();
  const std::string more = once + std::string("\xff\xff\x03\x00\x00\x00new", 9);
  if (keeper::to_bytes(keeper::kept_state_from(more)) != once) std::abort();
  return 0;
}
