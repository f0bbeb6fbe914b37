// Readiness: the conditions under which a run counts as ready. All given ones must hold; without any it is
// `secs` alone.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "protocol/wire/ready_condition.hpp"

namespace keeper {

class Readiness {
 public:
  static constexpr std::size_t kMost = 8;

  /// Adds a condition. Errors: those of ReadyCondition::parse; invalid for a repeated condition (so secs and
  /// notify can be given once only), a second fd:N, or more than kMost.
  Done add(std::string_view text);

  /// Returns whether the run must live for start_secs.
  bool secs() const { return secs_ || events_.empty(); }
  /// Returns the others, in the given order: events that are observed once each.
  const std::vector<ReadyCondition>& events() const { return events_; }
  /// Returns whether there is a condition of that kind.
  bool has(ReadyCondition::Kind kind) const;
  /// Returns every condition as given, `secs` first.
  std::vector<std::string> texts() const;

  bool operator==(const Readiness& other) const { return secs() == other.secs() && events_ == other.events_; }

 private:
  bool secs_ = false;  ///< given by name
  std::vector<ReadyCondition> events_;
};

}  // namespace keeper
