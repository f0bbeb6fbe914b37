#include "keeper/watch/oom.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "protocol/base/proc.hpp"

namespace keeper {
namespace {

/// Reads the number after "oom_kill " in such a file.
std::optional<std::uint64_t> kills_in(const std::string& path) {
  char text[512];
  long got = read_proc(path.c_str(), text, sizeof text);
  if (got <= 0) return std::nullopt;
  std::string_view rest(text, static_cast<std::size_t>(got));
  constexpr std::string_view key = "\noom_kill ";
  auto at = rest.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  rest.remove_prefix(at + key.size());
  std::uint64_t kills = 0;
  if (std::from_chars(rest.data(), rest.data() + rest.size(), kills).ec != std::errc()) return std::nullopt;
  return kills;
}

/// The cgroups of a process (cgroups(7)): "/user.slice" of the line "0::/user.slice", which is version 2, or
/// of "4:cpu,memory:/user.slice", which is the memory controller of version 1.
struct Groups {
  std::optional<std::string> unified, memory;
};

bool names_memory(std::string_view controllers) {
  while (!controllers.empty()) {
    const auto end = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, end) == "memory") return true;
    controllers.remove_prefix(std::min(end + 1, controllers.size()));
  }
  return false;
}

Groups groups_of(int pid, const std::string& proc) {
  Groups out;
  char text[4096];
  std::string path = proc + "/" + std::to_string(pid) + "/cgroup";
  long got = read_proc(path.c_str(), text, sizeof text);
  for (std::string_view rest(text, static_cast<std::size_t>(got > 0 ? got : 0)); !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto first = line.find(':');
    const auto second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    if (line.starts_with("0::")) out.unified = line.substr(second + 1);
    if (names_memory(controllers)) out.memory = line.substr(second + 1);
  }
  return out;
}

std::optional<OomMark> counter_at(std::string counter) {
  auto kills = kills_in(counter);
  if (!kills) return std::nullopt;
  return OomMark{std::move(counter), *kills};
}

}  // namespace

std::optional<OomMark> oom_mark(int pid, const OomPlaces& places) {
  const Groups groups = groups_of(pid, places.proc);
  std::optional<OomMark> out;
  // The memory controller belongs to one version; a container's cgroup may be mounted as the root.
  if (groups.memory) {
    out = counter_at(places.cgroup + "/memory" + *groups.memory + "/memory.oom_control");
    if (!out) out = counter_at(places.cgroup + "/memory/memory.oom_control");
  }
  if (!out && groups.unified) out = counter_at(places.cgroup + *groups.unified + "/memory.events");
  if (!out && groups.unified)
    out = counter_at(places.cgroup + "/unified" + *groups.unified + "/memory.events");
  return out;
}

std::uint64_t oom_kills_since(const OomMark& mark) {
  const auto kills = kills_in(mark.counter);
  return kills && *kills > mark.kills ? *kills - mark.kills : 0;
}

}  // namespace keeper
