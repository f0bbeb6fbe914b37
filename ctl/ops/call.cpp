#include "ctl/ops/call.hpp"

#include <algorithm>

namespace keeper {

std::vector<Row> look_again(const Home& home, const std::set<AppId>& ids, const Deadline& deadline) {
  Millis left = deadline.left();
  Millis wait = left.count() < 0 ? kLook : std::min(kLook, left);
  return look_at_fleet(home, wait, [&](const AppId& id) { return ids.contains(id); });
}

void ask_again(const Home& home, std::vector<Row>& rows, Answers& answers, const Deadline& deadline,
               const std::function<std::optional<Call>(const Row&)>& call_for) {
  std::set<AppId> changed;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (!answers[i] && answers[i].error().reason == Reason::changed) changed.insert(rows[i].id);
  if (changed.empty()) return;
  std::vector<Call> calls;
  std::vector<std::size_t> of;
  for (Row& fresh : look_again(home, changed, deadline)) {
    auto again = call_for(fresh);
    if (!again) continue;
    const auto row =
        std::find_if(rows.begin(), rows.end(), [&](const Row& one) { return one.id == fresh.id; });
    calls.push_back(std::move(*again));
    of.push_back(static_cast<std::size_t>(row - rows.begin()));
    *row = std::move(fresh);
  }
  Answers second = call_all(home, calls, deadline.left());
  for (std::size_t i = 0; i < of.size(); ++i)
    answers[of[i]] = std::move(second[i]);
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
