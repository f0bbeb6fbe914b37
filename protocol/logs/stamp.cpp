#include "protocol/logs/stamp.hpp"

#include <chrono>
#include <climits>

#include "protocol/base/units.hpp"
#include "protocol/json/reader.hpp"

namespace keeper {
namespace {

using std::string_view;

constexpr string_view kMark = "[keeper] ";
constexpr string_view kJsonTime = "{\"t\":\"";
constexpr std::size_t kWithoutZone = 23;  // 2026-11-20T17:24:00.123
constexpr int kDepth = 64, kValues = 10'000;

/// Returns the number that the digits at `at` are; -1 for other characters.
int digits(string_view text, std::size_t at, std::size_t count) {
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

/// Reads "+01:00", "Z": minutes east of Greenwich.
std::optional<int> zone_minutes(string_view text, std::size_t& length) {
  if (text.starts_with('Z')) {
    length = 1;
    return 0;
  }
  int hours = digits(text, 1, 2), minutes = digits(text, 4, 2);
  if (text.size() < 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
  length = 6;
  return (text[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
}

/// Reads "started pid 1140", "pid 1140 ended with code 3 after 5 s", "pid 1140 was ended by SIGKILL ...".
std::optional<RunMark> mark_in(string_view text) {
  constexpr string_view started = "started pid ", ended = "pid ";
  RunMark mark;
  if (text.starts_with(started)) {
    text.remove_prefix(started.size());
  } else if (text.starts_with(ended)) {
    mark.kind = RunMark::Kind::ended;
    text.remove_prefix(ended.size());
  } else {
    return std::nullopt;
  }
  auto end = std::min(text.find_first_not_of("0123456789"), text.size());
  auto pid = parse_number(text.substr(0, end), 1, INT_MAX);
  text.remove_prefix(end);
  bool is_end = text.starts_with(" ended") || text.starts_with(" was ended by ");
  if (!pid || (mark.kind == RunMark::Kind::started ? !text.empty() : !is_end)) return std::nullopt;
  mark.pid = static_cast<int>(*pid);
  return mark;
}

/// Reads an object with "stream":"keeper".
std::optional<RunMark> mark_in_object(string_view line) {
  if (line.find("\"stream\":\"keeper\"") == string_view::npos) return std::nullopt;
  string_view message;
  bool is_keeper = false;
  auto each = [&](string_view key, string_view value) {
    if (key == "stream") is_keeper = value == "\"keeper\"";
    if (key == "msg" && value.size() >= 2 && value.front() == '"')
      message = value.substr(1, value.size() - 2);
  };
  if (check_object(line, kDepth, kValues, each) != TextCheck::good || !is_keeper) return std::nullopt;
  return mark_in(message);
}

string_view without_stamp(string_view line) {
  if (auto stamp = stamp_at_start(line)) line.remove_prefix(std::min(stamp->length + 1, line.size()));
  return line;
}

}  // namespace

std::optional<StampAtStart> stamp_at_start(string_view text) {
  if (text.size() <= kWithoutZone || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':' || text[19] != '.')
    return std::nullopt;
  int y = digits(text, 0, 4), mo = digits(text, 5, 2), d = digits(text, 8, 2), h = digits(text, 11, 2),
      mi = digits(text, 14, 2), s = digits(text, 17, 2), ms = digits(text, 20, 3);
  std::size_t zone = 0;
  auto east = zone_minutes(text.substr(kWithoutZone), zone);
  if (!east || y < 0 || mo < 1 || d < 1 || h < 0 || h > 23 || mi < 0 || mi > 59 || s < 0 || s > 60 || ms < 0)
    return std::nullopt;
  std::chrono::year_month_day date{std::chrono::year(y), std::chrono::month(static_cast<unsigned>(mo)),
                                   std::chrono::day(static_cast<unsigned>(d))};
  if (!date.ok()) return std::nullopt;
  auto time = std::chrono::sys_days(date) + std::chrono::hours(h) + std::chrono::minutes(mi - *east) +
              std::chrono::seconds(s) + std::chrono::milliseconds(ms);
  return StampAtStart{time.time_since_epoch().count(), kWithoutZone + zone};
}

std::optional<std::int64_t> stamp_of_line(string_view line) {
  char after = ' ';
  if (line.starts_with(kMark)) {
    line.remove_prefix(kMark.size());
  } else if (line.starts_with(kJsonTime)) {
    line.remove_prefix(kJsonTime.size());
    after = '"';
  }
  auto stamp = stamp_at_start(line);
  if (!stamp || stamp->length >= line.size() || line[stamp->length] != after) return std::nullopt;
  return stamp->ms;
}

bool is_own_line(string_view line) {
  return without_stamp(line).starts_with(kMark);
}

std::optional<RunMark> run_mark_of(string_view line) {
  if (line.starts_with('{')) return mark_in_object(line);
  line = without_stamp(line);
  if (!line.starts_with(kMark)) return std::nullopt;
  line.remove_prefix(kMark.size());
  return mark_in(without_stamp(line));
}

}  // namespace keeper
