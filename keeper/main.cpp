// keeper: keeps one program alive. Started by a user it reads its command line (launch); started by itself it
// takes up the role that it was given (survive/role).
#include <malloc.h>

#include <cstdio>
#include <exception>

#include "keeper/keeper.hpp"
#include "keeper/launch.hpp"

namespace {

int keep(const keeper::RoleTable& table) {
  keeper::own_all_signals();
  // One small heap that is given back: a kept program is to cost as little as it can.
  mallopt(M_MMAP_THRESHOLD, 64 * 1024);
  mallopt(M_TRIM_THRESHOLD, 32 * 1024);
  mallopt(M_TOP_PAD, 4 * 1024);
  auto keeper = keeper::Keeper::make(table);
  if (!keeper) {
    std::fprintf(stderr, "keeper: cannot keep %s: %s\n", table.stem.c_str(), keeper.error().text().c_str());
    return 1;
  }
  return (*keeper)->run();
}

}  // namespace

int main(int argc, char** argv) try {
  if (auto table = keeper::take_role()) return keep(*table);
  auto parsed = keeper::parse_command_line(argc, argv);
  if (auto* finished = std::get_if<keeper::Finished>(&parsed)) {
    std::fputs(finished->text.c_str(), finished->exit_code == 0 ? stdout : stderr);
    return finished->exit_code;
  }
  return keeper::launch(std::get<keeper::CommandLine>(std::move(parsed)));
} catch (const std::exception& error) {
  std::fprintf(stderr, "keeper: internal error: %s\n", error.what());
  return 1;
}
