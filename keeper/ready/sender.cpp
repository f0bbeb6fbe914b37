#include "keeper/ready/sender.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include "protocol/base/proc.hpp"

namespace keeper {
namespace {

constexpr std::size_t kMostParents = 64;

struct Ids {
  int parent = 0, group = 0, session = 0;
};

/// Reads the fields 4 to 6 of /proc/PID/stat (proc(5)), after the name, which may contain anything.
std::optional<Ids> ids_of(int pid) {
  char path[40], text[512];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  long got = read_proc(path, text, sizeof text - 1);
  if (got <= 0) return std::nullopt;
  text[got] = '\0';
  const char* behind = std::strrchr(text, ')');
  Ids out;
  if (behind == nullptr ||
      std::sscanf(behind + 1, " %*c %d %d %d", &out.parent, &out.group, &out.session) != 3)
    return std::nullopt;
  return out;
}

/// It was reaped: its number may be reused (pidfd_send_signal(2); a zombie still exists).
bool is_gone(int pidfd) {
  return syscall(SYS_pidfd_send_signal, pidfd, 0, nullptr, 0) < 0 && errno == ESRCH;
}

}  // namespace

void look_up(Sender& sender) {
  auto ids = sender.pid > 0 ? ids_of(sender.pid) : std::nullopt;
  sender.gone = !ids;
  if (!ids) return;
  sender.group = ids->group;
  sender.session = ids->session;
  int self = getpid();
  while (ids && ids->parent > 0 && sender.parents.size() < kMostParents) {
    sender.parents.push_back(ids->parent);
    bool end = ids->parent == self || ids->parent == 1;
    ids = end ? std::nullopt : ids_of(ids->parent);
  }
  if (!sender.pidfd || !is_gone(sender.pidfd.get())) return;
  sender.gone = true;
  sender.group = sender.session = 0;
  sender.parents.clear();
}

}  // namespace keeper
