#include "keeper/ready/notify_message.hpp"

#include <algorithm>
#include <charconv>

#include "protocol/base/utf8.hpp"
#include "protocol/json/reader.hpp"

namespace keeper {
namespace {

using std::string_view;

constexpr std::size_t kMostStatus = 512;
constexpr std::uint64_t kMostMillis = 3650ULL * 86'400'000;  // the limit of parse_duration
constexpr int kMostPid = 1 << 22;                            // proc(5), pid_max
constexpr int kMostErrno = 4095;

template <class T>
std::optional<T> number(string_view text) {
  T out{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

/// Returns the size of the character at the front; 0 if it is not UTF-8.
std::size_t character(string_view text) {
  for (std::size_t size = 1; size <= std::min<std::size_t>(4, text.size()); ++size)
    if (is_utf8(text.substr(0, size))) return size;
  return 0;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
}

/// Terminals show it: control characters, and bytes that are not text, become '?'.
std::string clean(string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t size = character(text);
    bool shown = size > 1 || (size == 1 && !is_control(text.front()));
    string_view next = shown ? text.substr(0, size) : "?";
    if (out.size() + next.size() > kMostStatus) break;
    out += next;
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

/// Rounds up to the next millisecond: a limit of 1 us is not one of 0.
void read_usec(std::optional<Millis>& into, string_view value) {
  auto usec = number<std::uint64_t>(value);
  if (!usec || into) return;
  std::uint64_t millis = *usec / 1000 + (*usec % 1000 != 0 ? 1 : 0);
  into = Millis(static_cast<std::int64_t>(std::min(millis, kMostMillis)));
}

void read_number(std::optional<int>& into, string_view value, int low, int high) {
  auto n = number<int>(value);
  if (n && !into && *n >= low && *n <= high) into = *n;
}

void read_line(NotifyMessage& m, string_view key, string_view value) {
  bool one = value == "1";
  if (key == "READY") m.ready |= one;
  if (key == "RELOADING") m.reloading |= one;
  if (key == "STOPPING") m.stopping |= one;
  if (key == "BARRIER") m.barrier |= one;
  if (key == "WATCHDOG") m.alive |= one;
  if (key == "WATCHDOG") m.hangs |= value == "trigger";
  if (key == "STATUS" && !m.status) m.status = clean(value);
  if (key == "WATCHDOG_USEC") read_usec(m.watchdog, value);
  if (key == "EXTEND_TIMEOUT_USEC") read_usec(m.extend, value);
  if (key == "MAINPID") read_number(m.main_pid, value, 1, kMostPid);
  if (key == "ERRNO") read_number(m.errnum, value, 0, kMostErrno);
}

}  // namespace

std::optional<NotifyMessage> parse_notify(string_view text) {
  if (text.ends_with('\0')) text.remove_suffix(1);
  if (text.find('\0') != string_view::npos) return std::nullopt;
  NotifyMessage out;
  while (!text.empty()) {
    auto end = std::min(text.find('\n'), text.size());
    string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    auto equals = line.find('=');
    if (equals != string_view::npos) read_line(out, line.substr(0, equals), line.substr(equals + 1));
  }
  return out;
}

}  // namespace keeper
