#include "keeper/child/tree.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "protocol/home/home.hpp"
#include "protocol/home/proc.hpp"

namespace keeper {
namespace {

using std::string;

bool in(const std::vector<int>& list, int pid) {
  return std::find(list.begin(), list.end(), pid) != list.end();
}

/// Another keeper: the same program file, or one of its name (a different version).
bool is_keeper(int pid) {
  string link = "/proc/" + std::to_string(pid) + "/exe";
  struct stat it {
  }, self{};
  if (stat(link.c_str(), &it) == 0 && stat("/proc/self/exe", &self) == 0 && it.st_ino == self.st_ino &&
      it.st_dev == self.st_dev)
    return true;
  return runs_program(pid, "keeper");
}

bool ended(int pid) {
  return !process_start(pid).has_value();
}

/// Whether a child of pid 1 comes from this run.
bool carries_mark(int pid, int session) {
  if (getsid(pid) == session) return true;
  return has_variable(environment_of(pid), "KEEPER_PID=" + std::to_string(getpid()));
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
  for (int pid : own) {
    if (in(run.others, pid) || is_keeper(pid)) continue;
    if (pid != run.main && self == 1 && !carries_mark(pid, run.session)) continue;
    if (pid != run.main && run.beside && getsid(pid) != run.session) continue;
    found.push_back(pid);
  }
  if (run.main > 0 && !in(found, run.main)) found.push_back(run.main);
  if (!run.marks.empty())
    for (int pid : all_processes())
      if (!in(found, pid) && pid != self && !in(run.others, pid) &&
          comes_from(pid, run.session, run.beside ? std::vector<string>() : run.marks) && !is_keeper(pid))
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
