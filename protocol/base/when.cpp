#include "protocol/base/when.hpp"

#include <ctime>
#include <optional>
#include <string>

namespace keeper {
namespace {

using std::string_view;

constexpr string_view kDigits = "0123456789";

/// The rest of a text while it is read.
class Reader {
 public:
  explicit Reader(string_view text) : left_(text) {}
  bool done() const { return left_.empty(); }
  string_view left() const { return left_; }
  bool skip(char c) {
    bool is = left_.starts_with(c);
    if (is) left_.remove_prefix(1);
    return is;
  }
  /// Reads exactly so many digits.
  std::optional<int> number(std::size_t digits, int low, int high) {
    if (left_.size() < digits || left_.substr(0, digits).find_first_not_of(kDigits) != string_view::npos)
      return std::nullopt;
    auto number = parse_number(left_.substr(0, digits), low, high);
    if (!number) return std::nullopt;
    left_.remove_prefix(digits);
    return static_cast<int>(*number);
  }

 private:
  string_view left_;
};

/// Reads "2h30m": each number with its unit.
std::optional<Millis> how_long(string_view text) {
  if (auto one = parse_duration(text)) return *one;
  if (text.empty()) return std::nullopt;
  Millis sum{0};
  while (!text.empty()) {
    auto unit = text.find_first_not_of("0123456789.");
    auto next = unit == string_view::npos ? unit : text.find_first_of(kDigits, unit);
    auto part = text.substr(0, next);
    auto parsed = parse_duration(part);
    if (!parsed || unit == string_view::npos || unit == 0) return std::nullopt;
    sum += *parsed;
    text.remove_prefix(part.size());
  }
  return sum;
}

bool read_date(Reader& in, std::tm& out) {
  auto year = in.number(4, 1970, 9999);
  if (!year || !in.skip('-')) return false;
  auto month = in.number(2, 1, 12);
  if (!month || !in.skip('-')) return false;
  auto day = in.number(2, 1, 31);
  if (!day) return false;
  std::chrono::year_month_day date{std::chrono::year(*year),
                                   std::chrono::month(static_cast<unsigned>(*month)),
                                   std::chrono::day(static_cast<unsigned>(*day))};
  out.tm_year = *year - 1900;
  out.tm_mon = *month - 1;
  out.tm_mday = *day;
  return date.ok();
}

/// Reads "17:24", "17:24:00", "17:24:00.123".
bool read_clock(Reader& in, std::tm& out, Millis& fraction) {
  auto hour = in.number(2, 0, 23);
  if (!hour || !in.skip(':')) return false;
  auto minute = in.number(2, 0, 59);
  if (!minute) return false;
  out.tm_hour = *hour;
  out.tm_min = *minute;
  if (!in.skip(':')) return true;
  auto second = in.number(2, 0, 60);
  if (!second) return false;
  out.tm_sec = *second;
  if (!in.skip('.')) return true;
  int digits = 0, value = 0;
  while (auto digit = in.number(1, 0, 9)) {
    if (digits < 3) value = value * 10 + *digit;
    ++digits;
  }
  for (int i = digits; i < 3; ++i)
    value *= 10;
  fraction = Millis(value);
  return digits > 0;
}

/// Reads minutes east of Greenwich: "Z", "+01:00", "+0100".
bool read_zone(Reader& in, std::optional<int>& east) {
  if (in.done()) return true;
  if (in.skip('Z')) {
    east = 0;
    return in.done();
  }
  bool west = in.left().starts_with('-');
  if (!in.skip('-') && !in.skip('+')) return false;
  auto hours = in.number(2, 0, 23);
  in.skip(':');
  auto minutes = in.number(2, 0, 59);
  if (!hours || !minutes) return false;
  east = (west ? -1 : 1) * (*hours * 60 + *minutes);
  return in.done();
}

std::optional<WallTime> when(string_view text, WallTime now) {
  std::time_t today = std::chrono::system_clock::to_time_t(now);
  std::tm local{}, parts{};
  localtime_r(&today, &local);
  parts.tm_year = local.tm_year;
  parts.tm_mon = local.tm_mon;
  parts.tm_mday = local.tm_mday;
  Millis fraction{0};
  std::optional<int> east;
  Reader in(text);
  bool clock_only = text.size() > 2 && text[2] == ':';
  if (!clock_only && !read_date(in, parts)) return std::nullopt;
  bool has_clock = clock_only || in.skip('T') || in.skip(' ');
  if (has_clock && !read_clock(in, parts, fraction)) return std::nullopt;
  if (!read_zone(in, east)) return std::nullopt;
  parts.tm_isdst = -1;
  std::time_t seconds = east ? timegm(&parts) - *east * 60 : mktime(&parts);
  return WallTime(std::chrono::seconds(seconds)) + fraction;
}

}  // namespace

Result<WallTime> parse_moment(string_view text, WallTime now) {
  if (auto ago = how_long(text)) return now - *ago;
  if (auto moment = when(text, now)) return *moment;
  return Error{Reason::invalid, "",
               "'" + std::string(text) +
                   "' is no moment, such as 10m, 2h30m or 1d (ago), 17:24 (today), 2026-11-20, "
                   "'2026-11-20 17:24:00' or 2026-11-20T17:24:00Z",
               0};
}

}  // namespace keeper
