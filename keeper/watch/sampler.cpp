#include "keeper/watch/sampler.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "protocol/home/proc.hpp"

namespace keeper {
namespace {

/// One read of /proc/PID/stat has it all (proc(5)): fields 14 utime, 15 stime, 20 num_threads, 24 rss in
/// pages.
struct Stat {
  std::uint64_t ticks = 0;
  std::uint64_t threads = 0;
  std::uint64_t pages = 0;
};

std::optional<Stat> read_stat(std::string_view text);

std::optional<Stat> stat_of(int pid) {
  char path[40], text[512];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  long got = read_proc(path, text, sizeof text);
  return read_stat({text, got > 0 ? static_cast<std::size_t>(got) : 0});
}

/// From its start again, through a descriptor that is kept.
std::optional<Stat> stat_again(int file) {
  char text[512];
  ssize_t got = pread(file, text, sizeof text, 0);
  return read_stat({text, got > 0 ? static_cast<std::size_t>(got) : 0});
}

std::optional<Stat> read_stat(std::string_view rest) {
  auto end_of_name = rest.rfind(')');
  if (end_of_name == std::string_view::npos) return std::nullopt;
  rest.remove_prefix(end_of_name + 2);
  Stat out;
  for (int field = 3; field <= 24 && !rest.empty(); ++field) {
    std::uint64_t value = 0;
    std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (field == 14 || field == 15) out.ticks += value;
    if (field == 20) out.threads = value;
    if (field == 24) out.pages = value;
    auto space = rest.find(' ');
    rest.remove_prefix(space == std::string_view::npos ? rest.size() : space + 1);
  }
  return out;
}

/// Ticks spent in so much time, in percent of one core, to a tenth.
double share(std::uint64_t ticks, Millis time) {
  static const auto per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  if (time.count() <= 0) return 0;
  double percent =
      100.0 * static_cast<double>(ticks) / per_second / (static_cast<double>(time.count()) / 1000.0);
  return std::round(percent * 10) / 10;
}

}  // namespace

void Sampler::follow(int root) {
  root_ = root;
  measured_ = false;
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/stat", root);
  stat_ = Fd(open(path, O_RDONLY | O_CLOEXEC));
  std::snprintf(path, sizeof path, "/proc/%d/task/%d/children", root, root);
  children_ = Fd(open(path, O_RDONLY | O_CLOEXEC));
}

std::optional<Usage> Sampler::sample(int root, Millis started, Millis now) {
  if (root_ != root) follow(root);
  auto first = stat_again(stat_.get());
  if (!first) return std::nullopt;
  std::uint64_t ticks = first->ticks, pages = first->pages;
  std::vector<int> pids;
  char nothing;
  bool childless = first->threads == 1 && pread(children_.get(), &nothing, 1, 0) == 0;
  if (!childless) add_children(root, first->threads, pids);
  for (std::size_t i = 0; i < pids.size() && i < 10'000; ++i) {
    auto stat = stat_of(pids[i]);
    if (!stat) continue;
    ticks += stat->ticks;
    pages += stat->pages;
    add_children(pids[i], stat->threads, pids);
  }
  static const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  bool same = measured_ && now - at_ >= Millis(1000);
  double percent = same ? share(ticks - std::min(ticks, ticks_), now - at_) : share(ticks, now - started);
  if (!measured_ || same) {
    measured_ = true;
    ticks_ = ticks;
    at_ = now;
  }
  return Usage{pages * page, percent};
}

}  // namespace keeper
