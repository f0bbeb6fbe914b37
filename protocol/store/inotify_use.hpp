// Counts how many of the inotify instances that a user may have (inotify(7), max_user_instances) are in use:
// the kernel does not report it, so the descriptors of the user's processes are counted (proc(5)).
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

namespace keeper {

class Home;

/// Counts instances by the descriptors that lead to them. A process and its child, or a keeper and its guard,
/// share the descriptors of one instance: it counts once, if kcmp(2) is available.
class InotifyInstances {
 public:
  /// Adds a descriptor of a process. Returns false if its instance has been counted.
  bool add(int pid, int fd);
  std::uint64_t count() const { return seen_.size(); }

 private:
  std::vector<std::pair<int, int>> seen_;  ///< in the order of kcmp(2)
};

/// Returns whether a keeper of this home may take another instance. Keepers leave half of their user's
/// instances to the user's programs. A few keepers take theirs without reading the process table.
bool may_take_instance(const Home& home);

}  // namespace keeper
