#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "ctl/doctor/gather.hpp"
#include "protocol/base/proc.hpp"

namespace keeper {
namespace {

/// The first bytes of a file of /proc. (Those of /proc/sys have to be read in one piece.)
std::string text_of(const char* path) {
  char text[256];
  long got = read_proc(path, text, sizeof text);
  return std::string(text, static_cast<std::size_t>(std::max(got, 0L)));
}

/// A number in a file of /proc/sys; 0 where there is none.
std::uint64_t setting(const char* path) {
  return std::strtoull(text_of(path).c_str(), nullptr, 10);
}

/// 0: none.
std::uint64_t limit_of(rlim_t value) {
  return value == RLIM_INFINITY ? 0 : value;
}

/// Processes and threads: "0.20 0.18 0.12 1/80 11206" (proc(5), loadavg).
std::uint64_t tasks_now() {
  std::string text = text_of("/proc/loadavg");
  auto slash = text.find('/');
  return slash == std::string::npos ? 0 : std::strtoull(text.c_str() + slash + 1, nullptr, 10);
}

/// The smaller of two, where 0 means that there is none.
std::uint64_t smaller(std::uint64_t a, std::uint64_t b) {
  return a == 0 ? b : b == 0 ? a : std::min(a, b);
}

}  // namespace

SystemFacts gather_system() {
  SystemFacts out;
  out.privileged = geteuid() == 0;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) out.descriptors = limit_of(limit.rlim_max);
  if (getrlimit(RLIMIT_NPROC, &limit) == 0) out.user_tasks.limit = limit_of(limit.rlim_cur);
  out.inotify_instances.limit = setting("/proc/sys/fs/inotify/max_user_instances");
  out.inotify_watches.limit = setting("/proc/sys/fs/inotify/max_user_watches");
  out.tasks = {tasks_now(),
               smaller(setting("/proc/sys/kernel/pid_max"), setting("/proc/sys/kernel/threads-max"))};
  out.pipe_pages.limit = setting("/proc/sys/fs/pipe-user-pages-soft");
  timex clock{};
  int state = adjtimex(&clock);
  out.clock_synchronised = state < 0 || (clock.status & STA_UNSYNC) == 0;
  return out;
}

std::vector<Disk> gather_disks(const std::vector<std::string>& directories) {
  std::vector<Disk> out;
  std::set<dev_t> seen;
  for (const std::string& path : directories) {
    struct stat st {};
    struct statvfs disk {};
    if (stat(path.c_str(), &st) != 0 || !seen.insert(st.st_dev).second) continue;
    if (statvfs(path.c_str(), &disk) != 0) continue;
    bool root = geteuid() == 0;
    out.push_back({path, disk.f_blocks * disk.f_frsize, (root ? disk.f_bfree : disk.f_bavail) * disk.f_frsize,
                   disk.f_files, root ? disk.f_ffree : disk.f_favail, (disk.f_flag & ST_RDONLY) != 0});
  }
  return out;
}

}  // namespace keeper
