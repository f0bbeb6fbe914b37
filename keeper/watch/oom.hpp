// Counts the processes that the kernel killed for want of memory: the counter `oom_kill` of their cgroup
// before and after. Version 2 has it in memory.events (Documentation/admin-guide/cgroup-v2.rst), version 1 in
// memory.oom_control (Documentation/admin-guide/cgroup-v1/memory.rst).
//
// Passive: read at a spawn, at an exit and for a `why`, at no other time. The counter covers the whole
// cgroup, so it is a strong hint and not a proof. If its file is unreadable (the root cgroup of version 2 has
// none), there is no mark, and the count is 0.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace keeper {

/// The mount points of the two file systems; tests have their own.
struct OomPlaces {
  std::string proc = "/proc";
  std::string cgroup = "/sys/fs/cgroup";
};

struct OomMark {
  std::string counter;      ///< path of memory.events, or memory.oom_control
  std::uint64_t kills = 0;  ///< its value
  bool operator==(const OomMark&) const = default;
};

/// Returns the mark of a process that has just begun; nothing if there is no counter.
std::optional<OomMark> oom_mark(int pid, const OomPlaces& places = {});

/// Returns the increase of the counter; 0 if it is unreadable by now.
std::uint64_t oom_kills_since(const OomMark& mark);

}  // namespace keeper
