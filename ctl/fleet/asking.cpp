#include "ctl/fleet/asking.hpp"

#include <algorithm>

namespace keeper {

std::vector<Row> look_again(const Home& home, const std::set<AppId>& ids, const Deadline& deadline) {
  Millis left = deadline.left();
  Millis wait = left.count() < 0 ? kLook : std::min(kLook, left);
  return look_at_fleet(home, wait, [&](const AppId& id) { return ids.contains(id); });
}

Error error_in(const Error& answer, const std::string& doing) {
  if (answer.reason == Reason::unreachable || answer.reason == Reason::not_found)
    return Error{Reason::not_running, "", "its keeper has left just now", 0};
  Error out = answer;
  if (out.about.starts_with(doing)) out.about.erase(0, doing.size());
  return out;
}

Error late(const char* what_goes_on) {
  return {Reason::timeout, "", std::string("it took too long; ") + what_goes_on, 0};
}

}  // namespace keeper
