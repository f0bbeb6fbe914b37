#include "ctl/ops/guard_end.hpp"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "ctl/ops/pidfd.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/store/home.hpp"

namespace keeper {
namespace {

using std::string;

constexpr Millis kForAnAttempt{2000};  // a keeper that lives longer has begun, or is suspended
constexpr useconds_t kStep = 10'000;

string title_of(int pid) {
  char text[256];
  const long got = read_proc(("/proc/" + std::to_string(pid) + "/cmdline").c_str(), text, sizeof text - 1);
  if (got <= 0) return {};
  text[got] = 0;
  return text;
}

/// Whether one of its descriptors is the app's lock. Anybody may have that title.
bool holds_lock(const Home& home, const string& stem, int pid) {
  struct stat lock {
  }, held{};
  if (stat((home.app_dir(stem) + "/lock").c_str(), &lock) != 0) return false;
  const string directory = "/proc/" + std::to_string(pid) + "/fd";
  std::unique_ptr<DIR, int (*)(DIR*)> reader(opendir(directory.c_str()), closedir);
  while (const dirent* entry = reader ? readdir(reader.get()) : nullptr)
    if (stat((directory + "/" + entry->d_name).c_str(), &held) == 0 && held.st_ino == lock.st_ino &&
        held.st_dev == lock.st_dev)
      return true;
  return false;
}

int guard_of(const Home& home, const string& stem) {
  const string title = "keeper: guard " + stem;
  for (int pid : all_processes())
    if (title_of(pid) == title && process_start(pid) && holds_lock(home, stem, pid)) return pid;
  return 0;
}

/// Whether the guard has a keeper. The keeper is the only child with the lock, also while it still runs
/// another program.
bool has_keeper_child(const Home& home, int guard, const string& stem) {
  std::vector<int> children;
  add_children(guard, 1, children);
  return std::any_of(children.begin(), children.end(), [&](int pid) { return holds_lock(home, stem, pid); });
}

}  // namespace

bool end_guard_without_keeper(const Home& home, const AppId& id, const Deadline& deadline) {
  const string stem = id.stem();
  const int pid = guard_of(home, stem);
  Fd guard = pid != 0 ? open_pidfd(pid) : Fd();
  if (!guard || title_of(pid) != "keeper: guard " + stem) return false;
  // A killed keeper is followed within milliseconds: without any at two looks, keepers cannot begin.
  Deadline attempts(kForAnAttempt);
  for (int without = 0; without < 2; usleep(kStep)) {
    without = has_keeper_child(home, pid, stem) ? 0 : without + 1;
    if (attempts.passed() || deadline.passed()) return false;
  }
  if (pidfd_send_signal(guard.get(), SIGKILL, nullptr, 0) != 0) return false;
  wait_for_end(guard, Deadline(Home::kLockWait));
  for (Deadline gone(kForAnAttempt); home.locked(stem) && !gone.passed();)
    usleep(kStep);
  return !home.locked(stem);
}

}  // namespace keeper
