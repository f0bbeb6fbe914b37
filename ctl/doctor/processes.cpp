#include "ctl/doctor/processes.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "protocol/base/fd.hpp"
#include "protocol/base/files.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/store/inotify_use.hpp"

namespace keeper {
namespace {

using std::string;
using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

constexpr std::string_view kTitle = "keeper: ", kGuards = "guard ";  // argv[0] of a keeper, and of its guard

/// One that calls itself the keeper of STEM, or its guard.
struct Titled {
  int pid = 0;
  string stem;
  bool guard = false;
};

string link_of(const string& path) {
  char target[PATH_MAX];
  ssize_t got = readlink(path.c_str(), target, sizeof target);
  return string(target, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
}

void count_watches(const string& process, const char* descriptor, Processes& out) {
  auto text = read_file(process + "/fdinfo/" + descriptor, 4 << 20);
  if (!text) return;
  for (auto at = text->find("inotify wd:"); at != string::npos; at = text->find("inotify wd:", at + 1))
    ++out.inotify_watches;
}

/// Counts its watches of files; whether it holds that lock, also one that was deleted since.
bool look_at_descriptors(int pid, const string& process, const string& lock, InotifyInstances& instances,
                         Processes& out) {
  bool holds = false;
  Directory reader(opendir((process + "/fd").c_str()), closedir);
  while (const dirent* entry = reader ? readdir(reader.get()) : nullptr) {
    string target = link_of(process + "/fd/" + entry->d_name);
    holds = holds || (!lock.empty() && (target == lock || target == lock + " (deleted)"));
    if (target != "anon_inode:inotify") continue;
    if (instances.add(pid, std::atoi(entry->d_name))) count_watches(process, entry->d_name, out);
  }
  return holds;
}

/// By its title; an empty stem for any process that is no keeper.
Titled titled_process(int pid, const string& process) {
  char text[128];
  long got = read_proc((process + "/cmdline").c_str(), text, sizeof text - 1);
  if (got <= 0) return {};
  text[got] = 0;
  std::string_view title = text;
  if (!title.starts_with(kTitle)) return {};
  title.remove_prefix(kTitle.size());
  const bool guard = title.starts_with(kGuards);
  return {pid, string(title.substr(guard ? kGuards.size() : 0)), guard};
}

/// A keeper's helpers, and what it has forked and is about to exec, carry its title too.
void take_keepers(const std::vector<Titled>& titled, Processes& out) {
  for (const Titled& one : titled) {
    const int parent = parent_of(one.pid);
    auto above =
        std::find_if(titled.begin(), titled.end(), [&](const Titled& other) { return other.pid == parent; });
    const bool guarded = above != titled.end() && above->guard;
    if (one.guard || (above != titled.end() && !guarded) || parent <= 0) continue;
    KeeperProcess keeper{one.pid, guarded ? parent : 0};
    add_children(one.pid, 0, keeper.children);
    out.keepers[one.stem].push_back(std::move(keeper));
  }
}

char state_of(int pid) {
  char text[512];
  string path = "/proc/" + std::to_string(pid) + "/stat";
  long got = read_proc(path.c_str(), text, sizeof text);
  std::string_view stat(text, static_cast<std::size_t>(std::max(got, 0L)));
  auto end = stat.rfind(')');
  return end != std::string_view::npos && end + 2 < stat.size() ? stat[end + 2] : '?';
}

}  // namespace

Processes look_at_processes(const Home& home) {
  Processes out;
  InotifyInstances instances;
  std::vector<Titled> titled;
  Directory reader(opendir("/proc"), closedir);
  while (const dirent* entry = reader ? readdir(reader.get()) : nullptr) {
    int pid = std::atoi(entry->d_name);
    string process = string("/proc/") + entry->d_name;
    struct stat st {};
    if (pid <= 0 || stat(process.c_str(), &st) != 0 || st.st_uid != geteuid()) continue;
    if (stat((process + "/task").c_str(), &st) == 0 && st.st_nlink > 2) out.user_tasks += st.st_nlink - 2;
    Titled one = titled_process(pid, process);
    string lock = AppId::parse(one.stem) ? home.app_dir(one.stem) + "/lock" : string();
    if (look_at_descriptors(pid, process, lock, instances, out)) titled.push_back(std::move(one));
  }
  out.inotify_instances = instances.count();
  take_keepers(titled, out);
  return out;
}

bool is_suspended(int pid) {
  char state = state_of(pid);
  return state == 'T' || state == 't';
}

bool output_is_full(int pid) {
  string path = "/proc/" + std::to_string(pid) + "/fd/1";
  struct stat st {};
  if (stat(path.c_str(), &st) != 0 || !S_ISFIFO(st.st_mode)) return false;
  // For reading too, as the program itself has it: so it opens whoever else is there.
  Fd pipe(open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!pipe) return false;
  pollfd writing{pipe.get(), POLLOUT, 0};
  return poll(&writing, 1, 0) == 0;
}

}  // namespace keeper
