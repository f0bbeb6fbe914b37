#include "protocol/base/proc.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>

#include "protocol/base/escape.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/files.hpp"
#include "protocol/base/users.hpp"

namespace keeper {
namespace {

void add_children_of_task(int pid, int task, std::vector<int>& out) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, task);
  Fd file(open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return;
  // A process may have thousands: a number that a block cuts in two is put in front of the next block.
  char text[2048];
  std::size_t kept = 0;
  for (ssize_t got; (got = read(file.get(), text + kept, sizeof text - kept)) > 0;) {
    std::string_view block(text, kept + static_cast<std::size_t>(got));
    auto whole = block.rfind(' ') + 1;  // a space follows each number
    add_pids(block.substr(0, whole), out);
    kept = block.size() - whole;
    std::memmove(text, text + whole, kept);
  }
  add_pids({text, kept}, out);
}

std::int64_t clock_ms(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1'000'000;
}

}  // namespace

long read_proc(const char* path, char* buffer, std::size_t size) {
  Fd file(open(path, O_RDONLY | O_CLOEXEC));
  return file ? read(file.get(), buffer, size) : -1;
}

bool runs_program(int pid, std::string_view name) {
  std::string link = "/proc/" + std::to_string(pid) + "/exe";
  char target[PATH_MAX];
  ssize_t got = readlink(link.c_str(), target, sizeof target);
  if (got <= 0) return false;
  std::string_view path(target, static_cast<std::size_t>(got));
  if (path.ends_with(" (deleted)")) path.remove_suffix(10);
  return path.substr(path.rfind('/') + 1) == name;
}

std::string command_text_of(int pid) {
  constexpr std::size_t most = 100;
  char text[512];
  const std::string process = "/proc/" + std::to_string(pid);
  long got = read_proc((process + "/cmdline").c_str(), text, sizeof text);
  if (got <= 0) got = read_proc((process + "/comm").c_str(), text, sizeof text);
  std::string words(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  while (!words.empty() && (words.back() == '\0' || words.back() == '\n' || words.back() == ' '))
    words.pop_back();
  std::replace(words.begin(), words.end(), '\0', ' ');
  return cut_to(escaped(words), most);
}

std::string not_permitted_text(const std::vector<int>& pids) {
  constexpr std::size_t most = 8;
  std::string out = "not permitted";
  for (std::size_t i = 0; i < std::min(most, pids.size()); ++i) {
    out += (i == 0 ? ": pid " : ", pid ") + std::to_string(pids[i]);
    const auto user = user_of(pids[i]);
    if (user) out += " runs as " + user_name(*user);
  }
  if (pids.size() > most) out += " and " + std::to_string(pids.size() - most) + " more";
  return out;
}

std::vector<int> not_permitted(const std::vector<int>& pids) {
  std::vector<int> out;
  for (int pid : pids)
    if (kill(pid, 0) != 0 && errno == EPERM) out.push_back(pid);
  return out;
}

std::string environment_of(int pid) {
  auto variables = read_file("/proc/" + std::to_string(pid) + "/environ", 4 << 20);
  return variables ? std::string(1, '\0') + *variables : std::string();
}

bool has_variable(const std::string& environment, const std::string& variable) {
  return environment.find('\0' + variable + '\0') != std::string::npos;
}

std::optional<std::string> variable_in(const std::string& environment, std::string_view name) {
  const std::string wanted = '\0' + std::string(name) + '=';
  const auto at = environment.find(wanted);
  if (at == std::string::npos) return std::nullopt;
  const auto from = at + wanted.size(), end = environment.find('\0', from);
  return environment.substr(from, end - from);
}

std::optional<std::int64_t> began_ms(int pid) {
  auto ticks = process_start(pid);
  if (!ticks) return std::nullopt;
  std::int64_t boot = clock_ms(CLOCK_REALTIME) - clock_ms(CLOCK_BOOTTIME);
  return boot + static_cast<std::int64_t>(*ticks) * 1000 / sysconf(_SC_CLK_TCK);
}

bool began_after(std::int64_t began_ms, std::int64_t written_ms) {
  constexpr std::int64_t slack_ms = 1000;
  return began_ms > written_ms + slack_ms;
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

namespace {

/// Returns the first number after `key` ("\nUid:\t") in /proc/PID/status; nothing if there is no such
/// process. The first 2 KiB contain both keys that are used.
std::optional<unsigned> number_in_status(int pid, const char* key) {
  char path[32], text[2048];
  std::snprintf(path, sizeof path, "/proc/%d/status", pid);
  const long got = read_proc(path, text, sizeof text - 1);
  if (got <= 0) return std::nullopt;
  text[got] = 0;
  // A newline in the name of the process is written as two characters there.
  const char* at = std::strstr(text, key);
  unsigned out = 0;
  return at != nullptr && std::sscanf(at + std::strlen(key), "%u", &out) == 1 ? std::optional(out)
                                                                              : std::nullopt;
}

}  // namespace

std::optional<unsigned> user_of(int pid) {
  return number_in_status(pid, "\nUid:\t");
}

int parent_of(int pid) {
  return static_cast<int>(number_in_status(pid, "\nPPid:\t").value_or(0));
}

std::vector<int> all_processes() {
  std::vector<int> out;
  std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir("/proc"), closedir);
  while (const dirent* entry = dir ? readdir(dir.get()) : nullptr) {
    int pid = 0;
    std::from_chars(entry->d_name, entry->d_name + std::strlen(entry->d_name), pid);
    if (pid > 0) out.push_back(pid);
  }
  return out;
}

std::optional<std::uint64_t> process_start(int pid) {
  if (pid <= 0) return std::nullopt;
  char path[32], text[1024];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  long got = read_proc(path, text, sizeof text);
  if (got <= 0) return std::nullopt;
  std::string_view fields(text, static_cast<std::size_t>(got));
  auto name_end = fields.rfind(')');  // the name may hold any character, also ')'
  if (name_end == std::string_view::npos || name_end + 2 >= fields.size()) return std::nullopt;
  fields.remove_prefix(name_end + 2);
  if (fields.front() == 'Z' || fields.front() == 'X') return std::nullopt;
  for (int field = 3; field < 22; ++field) {
    auto space = fields.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    fields.remove_prefix(space + 1);
  }
  std::uint64_t start = 0;
  auto [end, error] = std::from_chars(fields.data(), fields.data() + fields.size(), start);
  if (error != std::errc()) return std::nullopt;
  return start;
}

std::string boot_id() {
  char text[64];
  long got = read_proc("/proc/sys/kernel/random/boot_id", text, sizeof text);
  std::string id(text, static_cast<std::size_t>(std::max(got, 0L)));
  while (id.ends_with('\n'))
    id.pop_back();
  return id;
}

}  // namespace keeper
