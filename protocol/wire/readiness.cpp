#include "protocol/wire/readiness.hpp"

#include <algorithm>

namespace keeper {
namespace {

/// Different spellings of one condition: fd:3 and fd:03, http:80 and http://127.0.0.1/.
bool same(const ReadyCondition& a, const ReadyCondition& b) {
  return a.kind == b.kind && a.fd == b.fd && a.host == b.host && a.port == b.port && a.argument == b.argument;
}

}  // namespace

Done Readiness::add(std::string_view text) {
  auto condition = ReadyCondition::parse(text);
  if (!condition) return condition.error();
  bool is_secs = condition->kind == ReadyCondition::Kind::secs;
  bool twice = is_secs ? secs_
                       : std::any_of(events_.begin(), events_.end(),
                                     [&](const ReadyCondition& other) { return same(*condition, other); });
  if (twice) return invalid("'" + condition->text + "' is given twice");
  if (condition->kind == ReadyCondition::Kind::fd && has(ReadyCondition::Kind::fd))
    return invalid("'" + condition->text + "': there is one fd:N already");
  if (events_.size() + secs_ >= kMost) return invalid("there are more than 8 conditions");
  if (is_secs)
    secs_ = true;
  else
    events_.push_back(std::move(*condition));
  return {};
}

bool Readiness::has(ReadyCondition::Kind kind) const {
  if (kind == ReadyCondition::Kind::secs) return secs();
  return std::any_of(events_.begin(), events_.end(), [&](const ReadyCondition& c) { return c.kind == kind; });
}

std::vector<std::string> Readiness::texts() const {
  std::vector<std::string> out;
  if (secs()) out.emplace_back("secs");
  for (const ReadyCondition& condition : events_)
    out.push_back(condition.text);
  return out;
}

}  // namespace keeper
