#include "keeper/core/restart_policy.hpp"

#include <algorithm>

namespace keeper {
namespace {

constexpr Millis kEarly{1'000};     ///< a run that ended sooner is not restarted at once, confirmed or not
constexpr Millis kSteady{10'000};   ///< a confirmed run that lasted so long resets the backoff
constexpr Millis kSpawnAgain{100};  ///< a failed spawn fails again at once: always pause
constexpr int kMarks = 64;

/// Returns whether the program may be finished. A run that never started, or was never ready, has failed.
std::optional<Verdict> verdict_without_restart(const Policy& policy, const Ending& ending) {
  bool exited = ending.how == Ending::How::exited;
  if (policy.restart == Restart::never && exited) return Verdict{State::exited, {}, "restart is never"};
  if (policy.restart == Restart::never || ending.hopeless) return Verdict{State::fatal, {}, ending.text};
  const bool own_result = exited && !ending.out_of_memory;
  if (policy.restart == Restart::on_failure && own_result && policy.exit_codes.contains(ending.exit))
    return Verdict{State::exited, {}, exit_text(ending.exit) + " is expected"};
  return std::nullopt;
}

std::string failed_starts_text(int count, const Ending& ending) {
  std::string text = count == 1 ? "the start" : std::to_string(count) + " starts in a row";
  text += " ended too early";
  return ending.text.empty() ? text : text + ": " + ending.text;
}

std::optional<Verdict> verdict_on_starts(const Policy& policy, RestartMemory& memory, const Ending& ending) {
  if (ending.confirmed) return std::nullopt;
  ++memory.failed_starts;
  if (!policy.start_retries || memory.failed_starts <= *policy.start_retries) return std::nullopt;
  return Verdict{State::fatal, {}, failed_starts_text(memory.failed_starts, ending)};
}

int restarts_within(Millis window, RestartMemory& memory, Time now) {
  std::erase_if(memory.marks, [&](const RestartMark& mark) { return now - mark.at >= window; });
  int sum = 0;
  for (const RestartMark& mark : memory.marks)
    sum += mark.count;
  return sum;
}

Verdict too_many(int most, const std::string& within) {
  return {State::fatal, {}, "the limit of " + std::to_string(most) + " restarts" + within + " is reached"};
}

/// Counts a large limit in grains of the window, because the memory must stay small.
void mark_restart(int most, Millis window, RestartMemory& memory, Time now) {
  Millis grain = most > kMarks ? window / kMarks : Millis{0};
  if (!memory.marks.empty() && now - memory.marks.back().at < grain)
    ++memory.marks.back().count;
  else
    memory.marks.push_back({now, 1});
}

std::optional<Verdict> verdict_in_window(int most, Millis window, RestartMemory& memory, Time now) {
  if (restarts_within(window, memory, now) >= most) return too_many(most, " within " + duration_text(window));
  mark_restart(most, window, memory, now);
  return std::nullopt;
}

std::optional<Verdict> verdict_on_restarts(const Policy& policy, RestartMemory& memory, Time now) {
  if (!policy.max_restarts) return std::nullopt;
  if (policy.restart_window)
    return verdict_in_window(*policy.max_restarts, *policy.restart_window, memory, now);
  if (memory.restarts >= *policy.max_restarts) return too_many(*policy.max_restarts, "");
  ++memory.restarts;
  return std::nullopt;
}

/// Empty if the restart is immediate.
std::string why_later(const Policy& policy, const Ending& ending, Millis backoff) {
  if (backoff.count() == 0 || backoff < policy.restart_delay)
    return policy.restart_delay.count() > 0 ? "restart_delay is " + duration_text(policy.restart_delay) : "";
  if (ending.how == Ending::How::not_spawned) return "it could not be started";
  return ending.confirmed ? "it ended soon after its start" : "it ended before it was confirmed";
}

}  // namespace

Verdict judge(const Policy& policy, RestartMemory& memory, const Ending& ending, Time now) {
  if (auto over = verdict_without_restart(policy, ending)) return *over;
  if (auto fatal = verdict_on_starts(policy, memory, ending)) return *fatal;
  if (auto fatal = verdict_on_restarts(policy, memory, now)) return *fatal;
  bool early = !ending.confirmed || ending.lived < kEarly;
  Millis backoff = early ? take_backoff(policy.backoff, policy.jitter_seed, memory.backoff) : Millis{0};
  if (ending.how == Ending::How::not_spawned) backoff = std::max(backoff, kSpawnAgain);
  return {State::backoff, std::max(policy.restart_delay, backoff), why_later(policy, ending, backoff)};
}

void note_confirmed(RestartMemory& memory) {
  memory.failed_starts = 0;
}

void note_end(RestartMemory& memory, bool confirmed, Millis lived) {
  if (confirmed && lived >= kSteady) reset_backoff(memory.backoff);
}

void forget_failures(RestartMemory& memory) {
  memory.failed_starts = 0;
  memory.restarts = 0;
  memory.marks.clear();
  reset_backoff(memory.backoff);
}

}  // namespace keeper
