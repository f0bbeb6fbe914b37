#include "protocol/store/inotify_use.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/base/proc.hpp"
#include "protocol/store/home.hpp"

namespace keeper {
namespace {

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

constexpr std::uint64_t kWithoutALook = 16;  // a sixteenth of the limit is used without counting

/// Returns 0 if it is unknown.
std::uint64_t most_instances() {
  char text[32];
  const long got = read_proc("/proc/sys/fs/inotify/max_user_instances", text, sizeof text - 1);
  if (got <= 0) return 0;
  text[got] = 0;
  return std::strtoull(text, nullptr, 10);
}

/// Returns the order of two descriptors: 0 for the same instance, 1 less, 2 greater; -1: unavailable.
long compare(const std::pair<int, int>& a, const std::pair<int, int>& b) {
  return syscall(SYS_kcmp, a.first, b.first, KCMP_FILE, a.second, b.second);
}

bool is_instance(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t got = readlink(path.c_str(), target, sizeof target);
  return got > 0 && std::string_view(target, static_cast<std::size_t>(got)) == "anon_inode:inotify";
}

void add_instances_of(int pid, InotifyInstances& out) {
  const std::string process = "/proc/" + std::to_string(pid);
  struct stat st {};
  if (stat(process.c_str(), &st) != 0 || st.st_uid != geteuid()) return;
  Directory reader(opendir((process + "/fd").c_str()), closedir);
  while (const dirent* entry = reader ? readdir(reader.get()) : nullptr)
    if (is_instance(process + "/fd/" + entry->d_name)) out.add(pid, std::atoi(entry->d_name));
}

std::uint64_t instances_in_use() {
  InotifyInstances out;
  for (int pid : all_processes())
    add_instances_of(pid, out);
  return out.count();
}

}  // namespace

bool InotifyInstances::add(int pid, int fd) {
  const std::pair now{pid, fd};
  const auto place =
      std::lower_bound(seen_.begin(), seen_.end(), now,
                       [](const auto& one, const auto& other) { return compare(one, other) == 1; });
  if (place != seen_.end() && compare(*place, now) == 0) return false;
  seen_.insert(place, now);
  return true;
}

bool may_take_instance(const Home& home) {
  const std::uint64_t most = most_instances();
  if (most == 0) return true;
  const std::uint64_t keepers = home.sockets().size();
  if (keepers > most / 2) return false;
  return keepers <= most / kWithoutALook || instances_in_use() < most / 2;
}

}  // namespace keeper
