// What the process table says about a home and its user: one walk through /proc (proc(5)).
#pragma once
#include <map>
#include <string>
#include <vector>

#include "ctl/doctor/facts.hpp"
#include "protocol/store/home.hpp"

namespace keeper {

struct Processes {
  std::map<std::string, std::vector<KeeperProcess>>
      keepers;                          ///< of this home, by stem: those that hold a lock of it
  std::uint64_t user_tasks = 0;         ///< threads of this user's processes
  std::uint64_t inotify_instances = 0;  ///< of these, as far as their descriptors can be read
  std::uint64_t inotify_watches = 0;
};
Processes look_at_processes(const Home& home);

/// Whether a signal holds it (state T).
bool is_suspended(int pid);

/// Whether the pipe that its output goes into is full: what it writes next waits until somebody reads. No,
/// where that is no pipe, or nobody may look.
bool output_is_full(int pid);

}  // namespace keeper
