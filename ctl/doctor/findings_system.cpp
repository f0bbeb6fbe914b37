// Findings about the system that the home lives on: file systems, limits, the clock.
#include <algorithm>

#include "ctl/doctor/findings.hpp"
#include "protocol/base/units.hpp"

namespace keeper {
namespace {

using std::string;

constexpr std::uint64_t kLittle = 16ULL << 20;  // bytes
constexpr std::uint64_t kFewDescriptors = 128;  // a keeper with 64 clients, its logs and its program
constexpr std::uint64_t kPerCent = 90;          // of a limit that is nearly reached

Found system_wide(Severity severity, string what, string remedy) {
  return {{severity, std::nullopt, std::move(what), std::move(remedy), false}, {}};
}

/// "3M" for 3.7 MiB: enough to see how bad it is.
string about(std::uint64_t bytes) {
  unsigned shift = bytes >= 10ULL << 30 ? 30 : bytes >= 1ULL << 20 ? 20 : bytes >= 1024 ? 10 : 0;
  return size_text(bytes >> shift << shift);
}

void add_disk(const Disk& disk, std::vector<Found>& out) {
  string where = "the file system of " + disk.path;
  if (disk.read_only) {
    out.push_back(
        system_wide(Severity::error, where + " is read-only",
                    "'mount -o remount,rw' on it once its disk is well ('dmesg' says why it was made so)"));
    return;
  }
  bool few = disk.free_bytes < disk.bytes / 100, little = disk.free_bytes < kLittle;
  if (disk.bytes > 0 && (few || little))
    out.push_back(system_wide(little ? Severity::error : Severity::warning,
                              where + " is " + (little ? "full: " : "nearly full: ") +
                                  about(disk.free_bytes) + " of " + about(disk.bytes) + " are free",
                              "make room there; of logs, 'ctl flush NAME' empties those of an app"));
  if (disk.files > 0 && disk.free_files < 16)
    out.push_back(system_wide(Severity::error,
                              where + " has no more inodes: " + std::to_string(disk.free_files) + " of " +
                                  std::to_string(disk.files) + " are free",
                              "remove files there, however small: 'du --inodes' finds where they are"));
}

bool nearly_reached(const Room& room) {
  return room.limit > 0 && room.used >= room.limit - room.limit * (100 - kPerCent) / 100;
}

string of_limit(const Room& room) {
  return std::to_string(room.used) + " of " + std::to_string(room.limit);
}

void add_limits(const SystemFacts& system, std::vector<Found>& out) {
  auto warn = [&](string what, string remedy) {
    out.push_back(system_wide(Severity::warning, std::move(what), std::move(remedy)));
  };
  if (system.descriptors > 0 && system.descriptors < kFewDescriptors)
    warn("a process may have only " + std::to_string(system.descriptors) +
             " open files: a keeper with many clients needs more",
         "raise it where keepers are started ('ulimit -Hn', limits.conf(5), LimitNOFILE= of a unit)");
  if (system.inotify_instances.limit > 0 && system.inotify_instances.used >= system.inotify_instances.limit)
    warn("the user has " + of_limit(system.inotify_instances) +
             " inotify instances: programs that watch files fail, --restart-on-change has to look now and "
             "then",
         "'sysctl fs.inotify.max_user_instances=1024' as root");
  if (nearly_reached(system.inotify_watches))
    warn("the user has " + of_limit(system.inotify_watches) + " inotify watches",
         "'sysctl fs.inotify.max_user_watches=524288' as root");
  if (nearly_reached(system.tasks))
    warn("the system runs " + of_limit(system.tasks) + " processes and threads: no more can be started soon",
         "end some, or raise kernel.pid_max and kernel.threads-max by sysctl");
  if (!system.privileged && nearly_reached(system.user_tasks))
    warn("the user runs " + of_limit(system.user_tasks) +
             " processes and threads: no more can be started soon",
         "end some, or raise the limit ('ulimit -u', limits.conf(5), TasksMax= of a unit)");
  if (!system.privileged && system.pipe_pages.limit > 0 && system.pipe_pages.used > system.pipe_pages.limit)
    out.push_back(system_wide(Severity::note,
                              "the output pipes of what is kept take " + of_limit(system.pipe_pages) +
                                  " pages: further ones are small, and output is slower",
                              "'sysctl fs.pipe-user-pages-soft=0' as root lifts that"));
}

}  // namespace

std::vector<Found> system_findings(const HomeFacts& home) {
  std::vector<Found> out;
  for (const Disk& disk : home.disks)
    add_disk(disk, out);
  if (!home.whole) return out;
  add_limits(home.system, out);
  if (!home.system.clock_synchronised)
    out.push_back(system_wide(Severity::note, "the clock is not synchronised: times in logs may be wrong",
                              "systemd-timesyncd, chrony or ntpd do that"));
  return out;
}

}  // namespace keeper
