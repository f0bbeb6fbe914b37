#include "keeper/app/spec_backup.hpp"

#include <unistd.h>

#include <cstdio>

namespace keeper {
namespace {

std::string aside(const Home& home, const std::string& stem) {
  return home.spec_path(stem) + ".before";
}

}  // namespace

Done write_first_record(const Home& home, const std::string& stem, const Spec& spec) {
  std::string path = home.spec_path(stem), older = aside(home, stem);
  unlink(older.c_str());
  bool had = link(path.c_str(), older.c_str()) == 0;
  Done done = home.write_spec(stem, spec);
  if (!done && had) unlink(older.c_str());
  return done;
}

void confirm_first_record(const Home& home, const std::string& stem) {
  unlink(aside(home, stem).c_str());
}

bool undo_first_record(const Home& home, const std::string& stem, bool fresh) {
  if (fresh) return static_cast<bool>(home.remove_app(stem));
  return rename(aside(home, stem).c_str(), home.spec_path(stem).c_str()) == 0;
}

}  // namespace keeper
