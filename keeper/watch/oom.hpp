// Whether the kernel killed a process for want of memory: the counter `oom_kill` of its cgroup
// (Documentation/admin-guide/cgroup-v2.rst, memory.events) before and after.
//
// Passive: read at a spawn and at an exit by KILL that nobody here sent, at no other time. The counter is
// that of the whole cgroup, so it is a strong hint and no proof. Without cgroup v2, or where its file cannot
// be read (the root cgroup has none), there is no mark, and the answer is no.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace keeper {

/// Where the two file systems are; tests have their own.
struct OomPlaces {
  std::string proc = "/proc";
  std::string cgroup = "/sys/fs/cgroup";
};

struct OomMark {
  std::string events;       ///< path of memory.events
  std::uint64_t kills = 0;  ///< what it said
};

/// The mark of a process that has just begun; nothing where there is no counter.
std::optional<OomMark> oom_mark(int pid, const OomPlaces& places = {});

/// Whether the counter went up since.
bool oom_killed_since(const OomMark& mark);

}  // namespace keeper
