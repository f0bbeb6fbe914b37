#include "keeper/log/stamp.hpp"

#include <cstdlib>
#include <ctime>

namespace keeper {
namespace {

constexpr std::size_t kMillisecondsAt = 20;  // 2026-11-20T17:24:00.123

void put_digits(char* at, int value, int digits) {
  for (int i = digits; i > 0; value /= 10)
    at[--i] = static_cast<char>('0' + value % 10);
}

tm local_time(std::chrono::sys_seconds second) {
  std::time_t seconds = second.time_since_epoch().count();
  tm out{};
  if (localtime_r(&seconds, &out) == nullptr) gmtime_r(&(seconds = 0), &out);  // beyond any calendar
  return out;
}

/// "Z", "+01:00", "-03:30".
std::string offset_text(long seconds) {
  if (seconds == 0) return "Z";
  std::string out = seconds < 0 ? "-00:00" : "+00:00";
  int minutes = static_cast<int>(std::labs(seconds) / 60);
  put_digits(&out[1], minutes / 60, 2);
  put_digits(&out[4], minutes % 60, 2);
  return out;
}

std::string rfc3339(const tm& time) {
  std::string out = "0000-00-00T00:00:00.000";
  put_digits(&out[0], time.tm_year + 1900, 4);
  put_digits(&out[5], time.tm_mon + 1, 2);
  put_digits(&out[8], time.tm_mday, 2);
  put_digits(&out[11], time.tm_hour, 2);
  put_digits(&out[14], time.tm_min, 2);
  put_digits(&out[17], time.tm_sec, 2);
  return out + offset_text(time.tm_gmtoff);
}

}  // namespace

void Stamp::render(WallTime time) {
  auto second = std::chrono::floor<std::chrono::seconds>(time);
  int milliseconds = static_cast<int>((time - second).count());
  bool same_second = known_ && second == std::chrono::floor<std::chrono::seconds>(time_);
  if (!format_.format.empty())
    text_ = format_.text_for(local_time(second), milliseconds);
  else if (!same_second)
    text_ = rfc3339(local_time(second));
  if (format_.format.empty()) put_digits(&text_[kMillisecondsAt], milliseconds, 3);
  time_ = time;
  known_ = true;
}

}  // namespace keeper
