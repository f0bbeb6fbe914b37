// says [wait]    says what it was given, a line each, in one write; then exits 0, or waits for ever:
//   pid, ppid, pgid, sid, umask (octal), nice    a number
//   uid, gid, oom_score_adj                      a number
//   groups LIST                                  with commas, ascending
//   limit NAME SOFT HARD                         nofile, core and stack; -1: unlimited
//   limit rN SOFT HARD                           every one of getrlimit(2), by its number
//   cwd PATH
//   tty NUMBER                                   of its controlling terminal; 0: none
//   pdeathsig, dumpable, subreaper, timerslack   a number, as prctl(2) says
//   SigBlk, SigIgn, SigCgt MASK                  as /proc/self/status has them
//   CapInh ... CapAmb, NoNewPrivs, Seccomp       the same
//   fd N TARGET                                  every open descriptor
//   env NAME=VALUE                               every variable
//   root, group-root, groups-of-root no          of one that is not root: whether it can become that (yes)
//   said all                                     the last line
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "tests/children/tiny.hpp"

namespace {

void add(std::string& text, std::string_view word, std::string_view value) {
  text.append(word).append(" ").append(value).append("\n");
}

void add_process(std::string& text) {
  add(text, "pid", std::to_string(getpid()));
  add(text, "ppid", std::to_string(getppid()));
  add(text, "pgid", std::to_string(getpgid(0)));
  add(text, "sid", std::to_string(getsid(0)));
  const mode_t mask = umask(0);
  umask(mask);
  char octal[16];
  snprintf(octal, sizeof octal, "%03o", static_cast<unsigned>(mask));
  add(text, "umask", octal);
  add(text, "nice", std::to_string(getpriority(PRIO_PROCESS, 0)));
}

std::string first_line(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  char bytes[64];
  const ssize_t length = fd < 0 ? 0 : read(fd, bytes, sizeof bytes);
  if (fd >= 0) close(fd);
  const std::string text(bytes, static_cast<std::size_t>(length < 0 ? 0 : length));
  return text.substr(0, text.find('\n'));
}

void add_who(std::string& text) {
  add(text, "uid", std::to_string(getuid()));
  add(text, "gid", std::to_string(getgid()));
  std::vector<gid_t> groups(256);
  const int count = getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<std::size_t>(std::max(count, 0)));
  std::sort(groups.begin(), groups.end());
  std::string list;
  for (gid_t group : groups)
    list += (list.empty() ? "" : ",") + std::to_string(group);
  add(text, "groups", list);
  add(text, "oom_score_adj", first_line("/proc/self/oom_score_adj"));
}

template <class Resource>
void add_limit(std::string& text, const char* name, Resource resource) {
  rlimit limit{};
  getrlimit(resource, &limit);
  auto number = [](rlim_t n) { return n == RLIM_INFINITY ? std::string("-1") : std::to_string(n); };
  add(text, std::string("limit ") + name, number(limit.rlim_cur) + " " + number(limit.rlim_max));
}

void add_all_limits(std::string& text) {
  for (int number = 0; number <= 15; ++number)
    add_limit(text, ("r" + std::to_string(number)).c_str(), static_cast<__rlimit_resource_t>(number));
}

std::string link_target(const char* path) {
  char target[4096];
  const ssize_t length = readlink(path, target, sizeof target);
  return length < 0 ? "?" : std::string(target, static_cast<std::size_t>(length));
}

std::string status_file() {
  const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  char bytes[8192];
  const ssize_t length = fd < 0 ? 0 : read(fd, bytes, sizeof bytes);
  if (fd >= 0) close(fd);
  return std::string(bytes, static_cast<std::size_t>(length < 0 ? 0 : length));
}

void add_status(std::string& text) {
  const std::string status = status_file();
  for (const char* word : {"SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
                           "NoNewPrivs", "Seccomp"}) {
    const std::size_t start = status.find(std::string("\n") + word + ":\t");
    if (start == std::string::npos) continue;
    const std::size_t value = start + strlen(word) + 3;
    add(text, word, status.substr(value, status.find('\n', value) - value));
  }
}

/// proc(5), the seventh field of stat; the second is "(says)".
void add_terminal(std::string& text) {
  const std::string stat = first_line("/proc/self/stat");
  std::size_t at = 0;
  for (int field = 1; field < 7; ++field)
    at = stat.find(' ', at) + 1;
  add(text, "tty", stat.substr(at, stat.find(' ', at) - at));
}

void add_settings(std::string& text) {
  int signal = -1, subreaper = -1;
  prctl(PR_GET_PDEATHSIG, &signal);
  prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
  add(text, "pdeathsig", std::to_string(signal));
  add(text, "subreaper", std::to_string(subreaper));
  add(text, "dumpable", std::to_string(prctl(PR_GET_DUMPABLE)));
  add(text, "timerslack", std::to_string(prctl(PR_GET_TIMERSLACK)));
}

/// Last of all: it may succeed.
void add_way_back(std::string& text) {
  if (getuid() == 0) return;
  const gid_t root = 0;
  add(text, "groups-of-root", setgroups(1, &root) == 0 ? "yes" : "no");
  add(text, "group-root", setresgid(0, 0, 0) == 0 ? "yes" : "no");
  add(text, "root", setuid(0) == 0 || seteuid(0) == 0 || setresuid(0, 0, 0) == 0 ? "yes" : "no");
}

void add_descriptors(std::string& text) {
  DIR* directory = opendir("/proc/self/fd");
  if (!directory) return;
  const std::string ours = std::to_string(dirfd(directory));
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] == '.' || ours == entry->d_name) continue;
    const std::string name = entry->d_name;
    add(text, "fd " + name, link_target(("/proc/self/fd/" + name).c_str()));
  }
  closedir(directory);
}

}  // namespace

int main(int count, char** words) {
  const bool waits = count == 2 && strcmp(words[1], "wait") == 0;
  if (count != 1 && !waits) keeper::usage("says [wait]");
  std::string text;
  add_process(text);
  add_who(text);
  add_limit(text, "nofile", RLIMIT_NOFILE);
  add_limit(text, "core", RLIMIT_CORE);
  add_limit(text, "stack", RLIMIT_STACK);
  add(text, "cwd", link_target("/proc/self/cwd"));
  add_all_limits(text);
  add_terminal(text);
  add_settings(text);
  add_status(text);
  add_descriptors(text);
  for (char** variable = environ; *variable; ++variable)
    add(text, "env", *variable);
  add_way_back(text);
  add(text, "said", "all");
  keeper::say(text);
  if (waits) keeper::wait_for_ever();
  return 0;
}
