// Whatever stands in KEEPER_ROLE (anybody may set it), both readers of it end, and hold no more than there is
// room for.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "keeper/survive/guard.cpp"
#include "keeper/survive/role.hpp"

using namespace keeper;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void read_as_guard(std::string variable) {
  char* slot = variable.data();
  Guard g{};
  g.slot = &slot;
  g.link = g.signals = -1;
  if (!read_role(g)) return;
  require(g.held.count > 0 && g.held.count <= kGuardWordsMost && g.rest != nullptr && *g.rest == ';');
  static char role[kPathMost];
  write_role(g, role, "keeper", " guard=", 7, " next=", 1);
  require(std::char_traits<char>::length(role) < sizeof role);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  text = text.substr(0, text.find('\0'));
  read_as_guard("KEEPER_ROLE=" + text);
  std::string variable = "KEEPER_ROLE=" + text;
  putenv(variable.data());  // setenv(3) would keep each
  if (auto table = take_role()) require(!table->home.empty() && !table->stem.empty() && table->lock >= 0);
  unsetenv("KEEPER_ROLE");
  return 0;
}
