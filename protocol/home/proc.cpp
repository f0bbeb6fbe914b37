#include "protocol/home/proc.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>

#include "protocol/home/home.hpp"

namespace keeper {
namespace {

void add_children_of_task(int pid, int task, std::vector<int>& out) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, task);
  Fd file(open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return;
  // A process may have thousands: what a block cuts in two goes in front of the next.
  char text[2048];
  std::size_t kept = 0;
  for (ssize_t got; (got = read(file.get(), text + kept, sizeof text - kept)) > 0;) {
    std::string_view block(text, kept + static_cast<std::size_t>(got));
    auto whole = block.rfind(' ') + 1;  // each number has a space behind it
    add_pids(block.substr(0, whole), out);
    kept = block.size() - whole;
    std::memmove(text, text + whole, kept);
  }
  add_pids({text, kept}, out);
}

}  // namespace

long read_proc(const char* path, char* buffer, std::size_t size) {
  Fd file(open(path, O_RDONLY | O_CLOEXEC));
  return file ? read(file.get(), buffer, size) : -1;
}

bool still_runs(const Status& record) {
  return record.pid && record.pid_start && record.boot_id == boot_id() &&
         process_start(*record.pid) == record.pid_start;
}

void add_pids(std::string_view text, std::vector<int>& out) {
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    int pid = 0;
    auto [stop, error] = std::from_chars(at, end, pid);
    if (error != std::errc()) return;
    out.push_back(pid);
    at = stop + 1;
  }
}

void add_children(int pid, std::uint64_t threads, std::vector<int>& out) {
  if (threads == 1) return add_children_of_task(pid, pid, out);
  char path[40];
  std::snprintf(path, sizeof path, "/proc/%d/task", pid);
  std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(path), closedir);
  while (const dirent* entry = dir ? readdir(dir.get()) : nullptr) {
    int task = 0;
    std::from_chars(entry->d_name, entry->d_name + std::strlen(entry->d_name), task);
    if (task > 0) add_children_of_task(pid, task, out);
  }
}

}  // namespace keeper
