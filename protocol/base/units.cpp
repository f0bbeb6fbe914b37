#include "protocol/base/units.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "protocol/base/comma_list.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

bool same_word(string_view a, string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

/// The number at the front of `text` in thousandths, exact, and the rest of the text.
struct Quantity {
  std::uint64_t thousandths;
  string_view unit;
};

bool read_quantity(string_view text, Quantity& out) {
  std::uint64_t whole = 0;
  const char* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, whole);
  if (error != std::errc() || whole > 9'000'000'000'000'000ULL) return false;
  std::uint64_t fraction = 0;
  if (at != end && *at == '.') {
    std::uint64_t place = 100;
    const char* first = ++at;
    for (; at != end && std::isdigit(static_cast<unsigned char>(*at)); ++at, place /= 10)
      fraction += static_cast<std::uint64_t>(*at - '0') * place;
    if (at == first) return false;
  }
  out.thousandths = whole * 1000 + fraction;
  out.unit = string_view(at, static_cast<std::size_t>(end - at));
  return true;
}

struct Unit {
  string_view name;
  std::int64_t factor;
};

constexpr std::array kDurations = {Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000},
                                   Unit{"s", 1000}, Unit{"ms", 1}};
constexpr std::array kSizes = {Unit{"T", 1LL << 40}, Unit{"G", 1LL << 30}, Unit{"M", 1LL << 20},
                               Unit{"K", 1LL << 10}, Unit{"", 1}};

/// Returns the value in the largest unit of the table that divides it: "5m", "1500ms".
string shortest(std::uint64_t value, const auto& units) {
  for (const Unit& unit : units) {
    auto factor = static_cast<std::uint64_t>(unit.factor);
    if (value != 0 && value % factor == 0) return std::to_string(value / factor) + string(unit.name);
  }
  return "0";
}

}  // namespace

Result<Millis> parse_duration(string_view text) {
  constexpr string_view what = "a duration (10s, 100ms, 2m, 1h, 1d)";
  constexpr std::int64_t most = 3650LL * 86'400'000;
  Quantity q{};
  if (!read_quantity(text, q)) return is_not(text, what);
  if (q.unit.empty()) q.unit = "s";
  for (const Unit& unit : kDurations) {
    if (unit.name != q.unit) continue;
    if (q.thousandths > static_cast<std::uint64_t>(most / unit.factor) * 1000)
      return is_not(text, "at most 3650d");
    return Millis(static_cast<std::int64_t>(q.thousandths) * unit.factor / 1000);
  }
  return is_not(text, what);
}

string duration_text(Millis value) {
  return shortest(static_cast<std::uint64_t>(std::max<std::int64_t>(value.count(), 0)), kDurations);
}

Result<std::uint64_t> parse_size(string_view text) {
  constexpr string_view what = "a size (64M, 10K, 2G, 512)";
  Quantity q{};
  if (!read_quantity(text, q)) return is_not(text, what);
  string_view unit = q.unit;
  if (same_word(unit, "b"))
    unit = "";
  else if (unit.size() > 1 && (same_word(unit.substr(1), "b") || same_word(unit.substr(1), "ib")))
    unit = unit.substr(0, 1);
  for (const Unit& known : kSizes) {
    if (!same_word(known.name, unit)) continue;
    auto factor = static_cast<std::uint64_t>(known.factor);
    if (q.thousandths > (4096ULL << 40) / factor * 1000) return is_not(text, "at most 4096T");
    return q.thousandths * factor / 1000;
  }
  return is_not(text, what);
}

string size_text(std::uint64_t bytes) {
  return shortest(bytes, kSizes);
}

Result<int> parse_signal(string_view text) {
  string_view name = text;
  if (name.size() > 3 && same_word(name.substr(0, 3), "sig")) name.remove_prefix(3);
  if (!name.empty() && std::isdigit(static_cast<unsigned char>(name.front()))) {
    auto number = parse_number(name, 1, SIGRTMAX);
    if (!number) return is_not(text, "a signal number (1 to 64)");
    return static_cast<int>(*number);
  }
  for (int signal = 1; signal < SIGRTMIN; ++signal) {
    const char* known = sigabbrev_np(signal);
    if (known != nullptr && same_word(known, name)) return signal;
  }
  if (same_word(name, "rtmin")) return SIGRTMIN;
  if (same_word(name, "rtmax")) return SIGRTMAX;
  if (name.size() > 6 && same_word(name.substr(0, 6), "rtmin+")) {
    auto offset = parse_number(name.substr(6), 0, SIGRTMAX - SIGRTMIN);
    if (offset) return SIGRTMIN + static_cast<int>(*offset);
  }
  return is_not(text, "a signal (TERM, SIGINT, 15)");
}

string signal_name(int signal) {
  if (signal == SIGRTMIN) return "SIGRTMIN";
  if (signal > SIGRTMIN && signal <= SIGRTMAX) return "SIGRTMIN+" + std::to_string(signal - SIGRTMIN);
  const char* known = sigabbrev_np(signal);
  // 32 and 33 have no name: the C library reserves them.
  return "SIG" + (known != nullptr ? string(known) : std::to_string(signal));
}

Result<std::vector<int>> parse_signals(string_view text) {
  std::vector<int> out;
  Done done = for_each_part(text, [&](string_view part) -> Done {
    auto signal = parse_signal(part);
    if (!signal) return signal.error();
    out.push_back(*signal);
    return {};
  });
  if (!done) return done.error();
  return out;
}

Result<std::int64_t> parse_number(string_view text, std::int64_t low, std::int64_t high) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, value);
  bool minus = !text.empty() && text.front() == '-' && low >= 0;  // "-0"
  if (error != std::errc() || at != end || value < low || value > high || minus)
    return is_not(text, "a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return value;
}

string lived_text(Millis lived) {
  char out[48];
  long long ms = lived.count();
  if (ms < 60'000)
    std::snprintf(out, sizeof out, "%lld.%03lld s", ms / 1000, ms % 1000);
  else if (ms < 3'600'000)
    std::snprintf(out, sizeof out, "%lld m %lld s", ms / 60'000, ms / 1000 % 60);
  else
    std::snprintf(out, sizeof out, "%lld h %lld m", ms / 3'600'000, ms / 60'000 % 60);
  return out;
}

string time_text(WallTime time) {
  auto days = std::chrono::floor<std::chrono::days>(time);
  std::chrono::year_month_day date(days);
  std::chrono::hh_mm_ss clock(time - days);
  string out = "0000-00-00T00:00:00.000Z";  // written by hand: every status has two, and printf is slow
  auto put = [&](std::size_t at, auto value, std::size_t digits) {
    auto left = static_cast<unsigned>(value);
    for (std::size_t i = at + digits; i > at; left /= 10)
      out[--i] = static_cast<char>('0' + left % 10);
  };
  put(0, static_cast<int>(date.year()), 4);
  put(5, static_cast<unsigned>(date.month()), 2);
  put(8, static_cast<unsigned>(date.day()), 2);
  put(11, clock.hours().count(), 2);
  put(14, clock.minutes().count(), 2);
  put(17, clock.seconds().count(), 2);
  put(20, clock.subseconds().count(), 3);
  return out;
}

Result<WallTime> parse_time(string_view text) {
  // Fixed columns: 2026-11-20T17:24:00[.123]Z
  auto digits = [&](std::size_t from, std::size_t count) -> int {
    if (from + count > text.size()) return -1;
    auto number = parse_number(text.substr(from, count), 0, 9999);
    return number ? static_cast<int>(*number) : -1;
  };
  auto is = [&](std::size_t at, char c) { return at < text.size() && text[at] == c; };
  bool shaped = is(4, '-') && is(7, '-') && is(10, 'T') && is(13, ':') && is(16, ':');
  int millis = 0;
  std::size_t end = 19;
  if (is(19, '.')) {
    millis = digits(20, 3);
    end = 23;
  }
  int y = digits(0, 4), mo = digits(5, 2), d = digits(8, 2), h = digits(11, 2), mi = digits(14, 2),
      s = digits(17, 2);
  if (!shaped || !is(end, 'Z') || end + 1 != text.size() || y < 0 || mo < 1 || d < 1 || h < 0 || h > 23 ||
      mi < 0 || mi > 59 || s < 0 || s > 60 || millis < 0)
    return is_not(text, "a time (2026-11-20T17:24:00.123Z)");
  std::chrono::year_month_day date{std::chrono::year(y), std::chrono::month(static_cast<unsigned>(mo)),
                                   std::chrono::day(static_cast<unsigned>(d))};
  if (!date.ok()) return is_not(text, "a day of the calendar");
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(h) + std::chrono::minutes(mi) +
         std::chrono::seconds(s) + Millis(millis);
}

}  // namespace keeper
