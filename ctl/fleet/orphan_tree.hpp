// The processes of a program whose keeper was killed.
//
// That keeper was their subreaper: what lost its parent since then belongs to whoever is the next one above
// (init), and descends from the program no more. So the tree is what is in the program's session, and what
// carries the variables that its keeper gave it (KEEPER_NAME, KEEPER_PID) and is its user's (belongs_to_run),
// and all that descends from these.
// Other keepers are no part of it, with what they keep, and neither is the process that asks. One that moved
// into a session of its own, lost its parent and gave up its variables is found by nobody.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "protocol/wire/status.hpp"

namespace keeper {

class OrphanTree {
 public:
  /// While the program lives: what its processes are known by is read from it.
  explicit OrphanTree(const Status& record);

  /// Its living processes, the program first while it lives. A scan of /proc.
  std::vector<int> processes() const;
  /// The program's process group.
  int group() const { return group_; }

 private:
  void add_descendants(std::vector<int>& found) const;

  int main_;
  std::uint64_t main_start_;
  int group_;
  int session_;
  std::vector<std::string> marks_;  ///< variables that all of them have; none: nothing is known by them
  std::optional<unsigned> user_;    ///< the program's
};

}  // namespace keeper
