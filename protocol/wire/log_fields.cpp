#include "protocol/wire/log_fields.hpp"

#include <algorithm>
#include <ctime>

#include "protocol/base/line_expression.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr std::uint64_t kLeastSize = 1 << 10, kLeastBuffer = 64 << 10, kMostBuffer = 1 << 30;

bool is_control(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

bool has_control(string_view text) {
  return std::any_of(text.begin(), text.end(), is_control);
}

/// Returns the format with its %L written out, which strftime does not have.
string with_milliseconds(string_view format, int milliseconds) {
  string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    bool percent = format[i] == '%' && i + 1 < format.size();
    if (percent && format[i + 1] == 'L') {
      string digits = std::to_string(milliseconds);
      out += string(3 - std::min<std::size_t>(3, digits.size()), '0') + digits;
      ++i;
      continue;
    }
    out += format[i];
    if (percent && format[i + 1] == '%') out += format[++i];
  }
  return out;
}

bool is_host_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
         c == '_' || c == ':' || c == '%';
}

}  // namespace

Done check_log_max_size(std::uint64_t bytes) {
  if (bytes == 0 || bytes >= kLeastSize) return {};
  return is_not(size_text(bytes), "a size of at least 1K (50M), or 0 for no limit");
}

Done check_log_max_total(std::optional<std::uint64_t> bytes) {
  if (!bytes || *bytes >= kLeastSize) return {};
  return is_not(size_text(*bytes), "a size of at least 1K (500M)");
}

Done check_log_buffer(std::uint64_t bytes) {
  if (bytes >= kLeastBuffer && bytes <= kMostBuffer) return {};
  return is_not(size_text(bytes), "a size from 64K to 1G (8M)");
}

string DateFormat::text_for(const tm& time, int milliseconds) const {
  char text[kMost + 1];
  std::size_t size = strftime(text, sizeof text, with_milliseconds(format, milliseconds).c_str(), &time);
  return {text, size};
}

Result<DateFormat> DateFormat::parse(string_view text) {
  DateFormat out{string(text)};
  tm longest{};  // Wednesday, 28 September 2022, 23:59:59: no day and no month has a longer name
  longest.tm_year = 122;
  longest.tm_mon = 8;
  longest.tm_mday = 28;
  longest.tm_wday = 3;
  longest.tm_yday = 270;
  longest.tm_hour = 23;
  longest.tm_min = longest.tm_sec = 59;
  longest.tm_zone = "UTC+hhmm";
  string made = has_control(text) ? string() : out.text_for(longest, 999);
  if (made.empty() || has_control(made))
    return is_not(text, "a format of strftime(3) for one line of at most 100 characters (%F %T.%L)");
  return out;
}

Result<RecordStart> RecordStart::parse(string_view text) {
  RecordStart out{string(text)};
  if (text.empty()) return is_not(text, "an expression that matches the first line of a record (^[0-9]{4}-)");
  if (has_control(text)) return is_not(text, "an expression for one line");
  if (Done done = check_line_expression(out.expression); !done)
    return Error{Reason::invalid, {}, "'" + out.expression + "' " + done.error().why(), 0};
  return out;
}

Result<SyslogTarget> SyslogTarget::parse(string_view text) {
  if (text == "local") return SyslogTarget{};
  Error shape = is_not(text, "local or udp:HOST:PORT (udp:logs.example.org:514, udp:[::1]:514)");
  if (!text.starts_with("udp:")) return shape;
  string_view rest = text.substr(4);
  auto colon = rest.rfind(':');
  if (colon == string_view::npos) return shape;
  auto port = parse_number(rest.substr(colon + 1), 1, 65535);
  string_view host = rest.substr(0, colon);
  bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  bool has_colon = host.find(':') != string_view::npos;
  bool known = std::all_of(host.begin(), host.end(), is_host_character);
  if (!port || host.empty() || host.size() > 253 || !known || has_colon != bracketed) return shape;
  return SyslogTarget{string(host), static_cast<int>(*port)};
}

string SyslogTarget::text() const {
  if (local()) return "local";
  bool bracketed = host.find(':') != string::npos;
  return "udp:" + (bracketed ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace keeper
