// Readiness: what has to be shown before a run counts as ready. Every condition that is given has to hold;
// without any it is `secs` alone.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "protocol/wire/ready_condition.hpp"

namespace keeper {

class Readiness {
 public:
  static constexpr std::size_t kMost = 8;

  /// One more condition. Errors: what ReadyCondition::parse says; invalid where the same is given twice (so
  /// secs and notify can be given once only), a second fd:N, or over kMost of them.
  Done add(std::string_view text);

  /// Whether the run has to live for start_secs.
  bool secs() const { return secs_ || events_.empty(); }
  /// The others, in the order in which they were given: what happens, and is seen to happen, once each.
  const std::vector<ReadyCondition>& events() const { return events_; }
  /// Whether there is one of that kind.
  bool has(ReadyCondition::Kind kind) const;
  /// Every condition as it was given, `secs` first.
  std::vector<std::string> texts() const;

  bool operator==(const Readiness& other) const { return secs() == other.secs() && events_ == other.events_; }

 private:
  bool secs_ = false;  ///< given by name
  std::vector<ReadyCondition> events_;
};

}  // namespace keeper
