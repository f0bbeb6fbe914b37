#include "protocol/logs/object.hpp"

#include <climits>

#include "protocol/base/units.hpp"
#include "protocol/json/reader.hpp"

namespace keeper {
namespace {

constexpr int kDepth = 66, kValues = 10'100;  // a program's own text is one level down

}  // namespace

std::optional<LogObject> log_object_of(std::string_view line) {
  if (!line.starts_with('{')) return std::nullopt;
  LogObject out;
  bool has_time = false;
  auto each = [&](std::string_view key, std::string_view value) {
    has_time = has_time || key == "t";
    out.has_name = out.has_name || key == "name";
    if (key == "stream" && value.size() > 2 && value.front() == '"')
      out.stream = value.substr(1, value.size() - 2);
    if (key == "pid")
      if (auto pid = parse_number(value, 1, INT_MAX)) out.pid = static_cast<int>(*pid);
  };
  if (check_object(line, kDepth, kValues, each) != TextCheck::good) return std::nullopt;
  if (!has_time || out.stream.empty()) return std::nullopt;
  return out;
}

}  // namespace keeper
