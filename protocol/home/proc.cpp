#include "protocol/home/proc.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
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

#include "protocol/home/home.hpp"
#include "protocol/wire/escape.hpp"

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
    if (!user) continue;
    const std::string name = passwd_name(*user);
    out += " runs as " + (name.empty() ? "uid " + std::to_string(*user) : name);
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

bool still_runs(const Status& record) {
  return record.pid && record.pid_start && record.boot_id == boot_id() &&
         process_start(*record.pid) == record.pid_start;
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

void keep_the_living(std::vector<int>& pids, const Status& record, const std::string& boot) {
  std::erase_if(pids, [&](int pid) {
    auto began = record.boot_id == boot ? began_ms(pid) : std::nullopt;
    return !began ||
           (record.stopped_at && began_after(*began, record.stopped_at->time_since_epoch().count()));
  });
}

bool wrote_record(const Home& home, const std::string& stem, const Status& record, int pid) {
  struct stat st {};
  if (record.boot_id != boot_id() || stat(home.status_path(stem).c_str(), &st) != 0) return false;
  auto began = began_ms(pid);
  return began && !began_after(*began, st.st_mtim.tv_sec * 1000LL + st.st_mtim.tv_nsec / 1'000'000);
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

std::vector<std::string> run_marks(const std::string& name, int keeper) {
  return {"KEEPER_NAME=" + name, "KEEPER_PID=" + std::to_string(keeper)};
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

namespace {

bool has_marks(int pid, const std::vector<std::string>& marks) {
  if (marks.empty()) return false;
  const std::string environment = environment_of(pid);
  return std::all_of(marks.begin(), marks.end(),
                     [&](const std::string& mark) { return has_variable(environment, mark); });
}

}  // namespace

bool belongs_to_run(int pid, const RunSigns& run) {
  const bool in_session = run.session > 0 && getsid(pid) == run.session;
  if (in_session && run.led) return true;
  if (!in_session && !has_marks(pid, run.marks)) return false;
  const auto user = user_of(pid);
  return user && (*user == 0 || *user == geteuid() || user == run.user);
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

}  // namespace keeper
