#include "keeper/watch/sampler.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <string_view>

#include "protocol/base/fd.hpp"
#include "protocol/base/proc.hpp"

namespace keeper {
namespace {

constexpr std::uint64_t kNanosOfASecond = 1'000'000'000;

/// The usage of one process: of /proc/PID/stat (proc(5)) the fields 14 utime, 15 stime, 20 num_threads and 24
/// rss.
struct Own {
  std::uint64_t cpu_ns = 0;
  std::uint64_t threads = 0;
  std::uint64_t pages = 0;
};

std::optional<Own> read_stat(std::string_view text) {
  static const auto ticks_a_second = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  auto end_of_name = text.rfind(')');
  if (end_of_name == std::string_view::npos) return std::nullopt;
  text.remove_prefix(end_of_name + 2);
  std::uint64_t ticks = 0;
  Own out;
  for (int field = 3; field <= 24 && !text.empty(); ++field) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    if (field == 14 || field == 15) ticks += value;
    if (field == 20) out.threads = value;
    if (field == 24) out.pages = value;
    auto space = text.find(' ');
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  }
  out.cpu_ns = ticks * (kNanosOfASecond / ticks_a_second);
  return out;
}

std::optional<Own> own_of(int pid) {
  char path[40], text[512];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  long got = read_proc(path, text, sizeof text);
  return read_stat({text, got > 0 ? static_cast<std::size_t>(got) : 0});
}

/// Returns the clock of a process's CPU time as clock_getcpuclockid(3) makes it, without its validity check
/// by the kernel.
clockid_t cpu_clock_of(int pid) {
  constexpr clockid_t of_a_process = 2;
  return static_cast<clockid_t>(~static_cast<unsigned>(pid) << 3) | of_a_process;
}

/// Does the same for a process whose files are open: a third of the cost of its stat, for which the kernel
/// formats 52 numbers. Nothing once it is gone: a clock of that number would be another process's.
std::optional<Own> own_of(int pid, int statm, int tasks) {
  char text[128];
  const ssize_t got = pread(statm, text, sizeof text, 0);
  const char* const end = text + std::max<ssize_t>(got, 0);
  const char* const size_end = std::find(static_cast<const char*>(text), end, ' ');
  struct stat st {};
  timespec used{};
  if (size_end == end || fstat(tasks, &st) != 0 || clock_gettime(cpu_clock_of(pid), &used) != 0)
    return std::nullopt;
  Own out;
  std::from_chars(size_end + 1, end, out.pages);  // proc(5), statm: size, resident, ...
  out.threads = st.st_nlink - 2;                  // a directory for each, plus . and ..
  out.cpu_ns =
      static_cast<std::uint64_t>(used.tv_sec) * kNanosOfASecond + static_cast<std::uint64_t>(used.tv_nsec);
  return out;
}

/// Returns that much CPU time in that much time, in percent of one core, to a tenth.
double share(std::uint64_t cpu_ns, Millis time) {
  if (time.count() <= 0) return 0;
  constexpr double nanos_of_a_milli = 1e6;
  double percent = 100.0 * static_cast<double>(cpu_ns) / nanos_of_a_milli / static_cast<double>(time.count());
  return std::round(percent * 10) / 10;
}

}  // namespace

void Sampler::follow(int root) {
  root_ = root;
  measured_ = false;
  auto open_for = [root](const char* format) {
    char path[64];
    std::snprintf(path, sizeof path, format, root, root);
    return Fd(open(path, O_RDONLY | O_CLOEXEC));
  };
  statm_ = open_for("/proc/%d/statm");
  tasks_ = open_for("/proc/%d/task");
  children_ = open_for("/proc/%d/task/%d/children");
}

std::optional<Usage> Sampler::sample(int root, Millis started, Millis now) {
  if (root_ != root) follow(root);
  auto first = own_of(root, statm_.get(), tasks_.get());
  if (!first) return std::nullopt;
  std::uint64_t cpu_ns = first->cpu_ns, pages = first->pages;
  std::vector<int> pids;
  char nothing;
  bool childless = first->threads == 1 && pread(children_.get(), &nothing, 1, 0) == 0;
  if (!childless) add_children(root, first->threads, pids);
  for (std::size_t i = 0; i < pids.size() && i < 10'000; ++i) {
    auto own = own_of(pids[i]);
    if (!own) continue;
    cpu_ns += own->cpu_ns;
    pages += own->pages;
    add_children(pids[i], own->threads, pids);
  }
  static const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  bool same = measured_ && now - at_ >= Millis(1000);
  double percent = same ? share(cpu_ns - std::min(cpu_ns, cpu_ns_), now - at_) : share(cpu_ns, now - started);
  if (!measured_ || same) {
    measured_ = true;
    cpu_ns_ = cpu_ns;
    at_ = now;
  }
  return Usage{pages * page, percent};
}

}  // namespace keeper
