#include "keeper/child/tree.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "protocol/base/proc.hpp"
#include "protocol/store/run_signs.hpp"

namespace keeper {
namespace {

using std::string;

bool in(const std::vector<int>& list, int pid) {
  return std::find(list.begin(), list.end(), pid) != list.end();
}

/// Recognises another keeper: the same program file, or one of its name (a different version).
bool is_keeper(int pid) {
  string link = "/proc/" + std::to_string(pid) + "/exe";
  struct stat it {
  }, self{};
  if (stat(link.c_str(), &it) == 0 && stat("/proc/self/exe", &self) == 0 && it.st_ino == self.st_ino &&
      it.st_dev == self.st_dev)
    return true;
  return runs_program(pid, "keeper");
}

/// Returns whether a child of this process belongs to no run: each run has a session of its own. Such a child
/// helps this process (protocol/base/discard.hpp), and has no program name any more while it exits.
bool is_helper(int pid) {
  return getsid(pid) == getsid(0);
}

bool ended(int pid) {
  return !process_start(pid).has_value();
}

/// Returns the signs of the run's processes, whatever their parents.
RunSigns signs_of(const RunIds& run, std::vector<string> marks) {
  return {run.session, run.main > 0 && run.main == run.session, std::move(marks), run.user};
}

/// Returns whether a child of this process or of its guard (`parent`) belongs to the run, which `keeper` has
/// spawned. A half that is pid 1 adopts strangers too.
bool is_adopted(int pid, const RunIds& run, int parent, int keeper) {
  if (pid == run.main) return true;
  if (run.beside && getsid(pid) != run.session) return false;
  return parent != 1 || belongs_to_run(pid, signs_of(run, {"KEEPER_PID=" + std::to_string(keeper)}));
}

}  // namespace

bool has_other_children(const std::vector<int>& known) {
  siginfo_t ignored{};
  if (known.empty() && waitid(P_ALL, 0, &ignored, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD)
    return false;
  char text[512];
  long got = read_proc("/proc/thread-self/children", text, sizeof text);
  std::vector<int> found;
  add_pids({text, got > 0 ? static_cast<std::size_t>(got) : 0}, found);
  return std::any_of(found.begin(), found.end(), [&](int pid) { return !in(known, pid); });
}

std::vector<int> tree_of(const RunIds& run) {
  std::vector<int> found;
  int self = getpid();
  std::vector<int> own;
  add_children(self, 1, own);
  for (int pid : own)
    if (!in(run.others, pid) && !is_helper(pid) && !is_keeper(pid) && is_adopted(pid, run, self, self))
      found.push_back(pid);
  own.clear();
  if (run.guard > 0) add_children(run.guard, 1, own);
  for (int pid : own)
    if (pid != self && !in(run.others, pid) && !is_keeper(pid) && is_adopted(pid, run, run.guard, run.keeper))
      found.push_back(pid);
  if (run.main > 0 && !in(found, run.main)) found.push_back(run.main);
  const RunSigns signs = signs_of(run, run.beside ? std::vector<string>() : run.marks);
  if (!run.marks.empty())
    for (int pid : all_processes())
      if (!in(found, pid) && pid != self && !in(run.others, pid) && belongs_to_run(pid, signs) &&
          !is_keeper(pid))
        found.push_back(pid);
  for (std::size_t i = 0; i < found.size(); ++i) {
    std::vector<int> below;
    add_children(found[i], 0, below);
    for (int pid : below)
      if (!in(found, pid) && !is_keeper(pid)) found.push_back(pid);
  }
  found.erase(std::remove_if(found.begin(), found.end(), ended), found.end());
  return found;
}

bool group_has(int group, const std::vector<int>& pids) {
  return std::any_of(pids.begin(), pids.end(), [&](int pid) { return group_of(pid) == group; });
}

int group_of(int pid) {
  return getpgid(pid);
}

}  // namespace keeper
