// How many of the inotify instances that a user may have (inotify(7), max_user_instances) are in use: the
// kernel does not tell, so the descriptors of the user's processes are counted (proc(5)).
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

namespace keeper {

class Home;

/// Counts instances by the descriptors that lead to them. A process and its child, or a keeper and its guard,
/// have descriptors of the same one: it counts once, where kcmp(2) is to be had.
class InotifyInstances {
 public:
  /// A descriptor of a process. False: its instance has been counted.
  bool add(int pid, int fd);
  std::uint64_t count() const { return seen_.size(); }

 private:
  std::vector<std::pair<int, int>> seen_;  ///< in the order of kcmp(2)
};

/// Whether a keeper of this home may take another instance. Keepers leave half of what their user may have to
/// the user's programs. A few keepers take theirs without a look at the process table.
bool may_take_instance(const Home& home);

}  // namespace keeper
