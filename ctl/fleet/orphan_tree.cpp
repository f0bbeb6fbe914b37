#include "ctl/fleet/orphan_tree.hpp"

#include <unistd.h>

#include <algorithm>

#include "protocol/home/home.hpp"
#include "protocol/home/proc.hpp"

namespace keeper {
namespace {

using std::string;

/// What everything has that this keeper started: with the home and the instance, where its environment can be
/// read.
std::vector<string> marks_of(const Status& record) {
  const string environment = environment_of(*record.pid);
  const auto name = variable_in(environment, "KEEPER_NAME"), keeper = variable_in(environment, "KEEPER_PID");
  if (!name || !keeper) {
    if (!record.keeper_pid) return {};
    return run_marks(record.name, *record.keeper_pid);
  }
  std::vector<string> out = {"KEEPER_NAME=" + *name, "KEEPER_PID=" + *keeper};
  for (const char* more : {"KEEPER_HOME", "KEEPER_INSTANCE"})
    if (const auto value = variable_in(environment, more)) out.push_back(string(more) + '=' + *value);
  return out;
}

bool in(const std::vector<int>& list, int pid) {
  return std::find(list.begin(), list.end(), pid) != list.end();
}

/// Another keeper, or this process itself.
bool is_stranger(int pid) {
  return pid == getpid() || runs_program(pid, "keeper");
}

}  // namespace

OrphanTree::OrphanTree(const Status& record)
    : main_(*record.pid),
      main_start_(record.pid_start.value_or(0)),
      group_(getpgid(main_)),
      session_(getsid(main_)),
      marks_(marks_of(record)),
      user_(user_of(main_)) {}

void OrphanTree::add_descendants(std::vector<int>& found) const {
  for (std::size_t i = 0; i < found.size(); ++i) {
    std::vector<int> below;
    add_children(found[i], 0, below);
    for (int pid : below)
      if (!in(found, pid) && !is_stranger(pid)) found.push_back(pid);
  }
}

std::vector<int> OrphanTree::processes() const {
  std::vector<int> found;
  const bool lives = process_start(main_) == main_start_;
  if (lives) found.push_back(main_);
  const RunSigns run{session_, lives && main_ == session_, marks_, user_};
  for (int pid : all_processes())
    if (!in(found, pid) && belongs_to_run(pid, run) && !is_stranger(pid)) found.push_back(pid);
  add_descendants(found);
  std::erase_if(found, [](int pid) { return !process_start(pid).has_value(); });
  return found;
}

}  // namespace keeper
