#include "protocol/wire/exit.hpp"

#include <algorithm>

#include "protocol/base/comma_list.hpp"
#include "protocol/base/units.hpp"

namespace keeper {

using std::string;
using std::string_view;

string exit_text(const ExitInfo& exit) {
  switch (exit.kind) {
    case ExitInfo::Kind::code: return "code " + std::to_string(exit.value);
    case ExitInfo::Kind::signal: return signal_name(exit.value) + (exit.core_dumped ? " (core dumped)" : "");
    case ExitInfo::Kind::unknown: break;
  }
  return "unknown";
}

string ended_text(const ExitInfo& exit) {
  switch (exit.kind) {
    case ExitInfo::Kind::code: return "ended with " + exit_text(exit);
    case ExitInfo::Kind::signal: return "was ended by " + exit_text(exit);
    case ExitInfo::Kind::unknown: break;
  }
  return "ended, and nobody knows how";
}

int shell_code(const ExitInfo& exit) {
  switch (exit.kind) {
    case ExitInfo::Kind::code: return exit.value;
    case ExitInfo::Kind::signal: return 128 + exit.value;
    case ExitInfo::Kind::unknown: break;
  }
  return 1;
}

Result<ExitCodes> ExitCodes::parse(string_view text) {
  ExitCodes out;
  out.ranges_.clear();
  Done done = for_each_part(text, [&](string_view part) -> Done {
    if (part.empty() || !std::isdigit(static_cast<unsigned char>(part.front()))) {
      auto signal = parse_signal(part);
      if (!signal) return is_not(part, "an exit code, a range or a signal (0,2,10-19,SIGTERM)");
      out.signals_.push_back(*signal);
      return {};
    }
    auto dash = part.find('-');
    auto low = parse_number(part.substr(0, dash), 0, 255);
    auto high = dash == string_view::npos ? low : parse_number(part.substr(dash + 1), 0, 255);
    if (!low || !high || *low > *high)
      return is_not(part, "an exit code or a range of them (0 to 255: 2, 10-19)");
    out.ranges_.push_back({static_cast<int>(*low), static_cast<int>(*high)});
    return {};
  });
  if (!done) return done.error();
  return out;
}

bool ExitCodes::contains(const ExitInfo& exit) const {
  switch (exit.kind) {
    case ExitInfo::Kind::code:
      return std::any_of(ranges_.begin(), ranges_.end(),
                         [&](const Range& r) { return r.low <= exit.value && exit.value <= r.high; });
    case ExitInfo::Kind::signal: return std::count(signals_.begin(), signals_.end(), exit.value) > 0;
    case ExitInfo::Kind::unknown: break;
  }
  return false;
}

string ExitCodes::text() const {
  string out;
  auto add = [&](const string& part) { out += (out.empty() ? "" : ",") + part; };
  for (const Range& r : ranges_)
    add(r.low == r.high ? std::to_string(r.low) : std::to_string(r.low) + "-" + std::to_string(r.high));
  for (int signal : signals_)
    add(signal_name(signal));
  return out;
}

}  // namespace keeper
