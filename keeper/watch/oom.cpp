#include "keeper/watch/oom.hpp"

#include <charconv>
#include <string_view>

#include "protocol/home/proc.hpp"

namespace keeper {
namespace {

/// The number behind "oom_kill " in memory.events.
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

/// "/user.slice" of the line "0::/user.slice", which is that of cgroup v2 (cgroups(7)).
std::optional<std::string> cgroup_of(int pid, const std::string& proc) {
  char text[4096];
  std::string path = proc + "/" + std::to_string(pid) + "/cgroup";
  long got = read_proc(path.c_str(), text, sizeof text);
  for (std::string_view rest(text, static_cast<std::size_t>(got > 0 ? got : 0)); !rest.empty();) {
    auto end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    if (line.starts_with("0::/")) return std::string(line.substr(3));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return std::nullopt;
}

}  // namespace

std::optional<OomMark> oom_mark(int pid, const OomPlaces& places) {
  auto group = cgroup_of(pid, places.proc);
  if (!group) return std::nullopt;
  // Version 2 alone, or beside version 1.
  for (const char* root : {"", "/unified"}) {
    std::string events = places.cgroup + root + *group + "/memory.events";
    if (auto kills = kills_in(events)) return OomMark{std::move(events), *kills};
  }
  return std::nullopt;
}

bool oom_killed_since(const OomMark& mark) {
  auto kills = kills_in(mark.events);
  return kills && *kills > mark.kills;
}

}  // namespace keeper
