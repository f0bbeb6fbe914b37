#include "ctl/output/human.hpp"

#include <algorithm>
#include <cstdio>

namespace keeper {
namespace {

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char out[64];
  std::snprintf(out, sizeof out, pattern, values...);
  return out;
}

}  // namespace

std::string short_duration(std::int64_t milliseconds) {
  long long s = std::max<std::int64_t>(milliseconds, 0) / 1000;
  if (s < 60) return format("%llds", s);
  if (s < 3600) return format("%lldm%02llds", s / 60, s % 60);
  if (s < 86'400) return format("%lldh%02lldm", s / 3600, s / 60 % 60);
  return format("%lldd%02lldh", s / 86'400, s / 3600 % 24);
}

std::string short_memory(std::uint64_t bytes) {
  if (bytes < 1024) return format("%lluB", static_cast<unsigned long long>(bytes));
  auto value = static_cast<double>(bytes) / 1024;
  if (value < 1000) return format("%.0fK", value);
  for (char unit : {'M', 'G'})
    if ((value /= 1024) < 1000) return format("%.1f%c", value, unit);
  return format("%.1fT", value / 1024);
}

std::string short_percent(double percent) {
  return format("%.1f%%", percent);
}

std::string short_time(WallTime time) {
  std::string exact = time_text(time);
  std::size_t dot = exact.find('.');
  return dot == std::string::npos ? exact : exact.substr(0, dot) + "Z";
}

std::string exit_words(const LastExit& exit) {
  std::string out =
      exit.exit.kind == ExitInfo::Kind::unknown ? "how it ended is unknown" : exit_text(exit.exit);
  if (exit.after_ms > 0 || exit.exit.kind != ExitInfo::Kind::unknown)
    out += " after " +
           (exit.after_ms < 1000 ? std::to_string(exit.after_ms) + "ms" : short_duration(exit.after_ms));
  if (!exit.cause.empty()) out += " (" + exit.cause + ")";
  return out;
}

std::optional<std::int64_t> uptime_of(const Status& app, WallTime now) {
  if (!app.pid) return std::nullopt;
  if (app.state != State::unreachable) return app.uptime_ms;
  // Nobody has answered: the record's number is of some time ago.
  if (!app.started_at) return std::nullopt;
  return (now - *app.started_at).count();
}

std::string until_text(WallTime at, WallTime now) {
  std::int64_t left = (at - now).count();
  if (left <= 0) return "now";
  return "in " + (left < 1000 ? std::to_string(left) + "ms" : short_duration(left));
}

}  // namespace keeper
