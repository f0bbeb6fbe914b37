#include "keeper/core/stop_plan.hpp"

namespace keeper {
namespace {

/// What asks a run to end, number `index`: a signal, or the message; nothing where there is none of that
/// number.
std::optional<int> stop_signal(const Policy& policy, const std::optional<Cause>& why, int index) {
  if (why == Cause::watchdog) return index == 0 ? std::optional(SIGABRT) : std::nullopt;
  const bool others_go_on = why == Cause::reload || why == Cause::scale;
  if (policy.leaves_cluster && others_go_on && index-- == 0) return action::Signal::leave_cluster;
  if (policy.stop_message && index-- == 0) return action::Signal::stop_message;
  auto i = static_cast<std::size_t>(index);
  return i < policy.stop_signal.size() ? std::optional(policy.stop_signal[i]) : std::nullopt;
}

std::string name_of(int signal) {
  if (signal == action::Signal::leave_cluster) return "being asked to leave its cluster";
  return signal == action::Signal::stop_message ? "its stop message" : signal_name(signal);
}

Scope scope_of(KillMode mode) {
  switch (mode) {
    case KillMode::process: return Scope::process;
    case KillMode::group: return Scope::group;
    case KillMode::tree: return Scope::tree;
  }
  return Scope::group;
}

}  // namespace

StopStep stop_step(const Policy& policy, const std::optional<Cause>& why, int index) {
  const auto signal = stop_signal(policy, why, index);
  if (!signal) return kill_step(policy);
  const bool message = *signal <= 0;
  Scope scope = message ? Scope::process : scope_of(policy.kill_mode);
  return {Phase::stopping, policy.stop_timeout, {{*signal, scope}, {SIGCONT, scope}}};
}

std::string unheeded_text(const Policy& policy, const std::optional<Cause>& why, int index, Millis wait) {
  std::string text = "it did not end within " + duration_text(wait) + " of ";
  text += name_of(stop_signal(policy, why, index).value_or(SIGKILL));
  for (int i = index; i > 0; --i)
    text += (i == index ? ", nor by " : ", ") + name_of(stop_signal(policy, why, i - 1).value_or(SIGKILL));
  return text + (index > 0 ? " before" : "");
}

StopStep kill_step(const Policy& policy) {
  Scope scope = policy.kill_mode == KillMode::process ? Scope::process : Scope::tree;
  return {Phase::killing, policy.kill_timeout, {{SIGKILL, scope}}};
}

StopStep clear_step(const Policy& policy, const Life& life) {
  auto signal = stop_signal(policy, life.ending, life.step);
  const bool message = signal && *signal <= 0;  // which the others have not heard
  for (int step = life.step + 1; signal && *signal <= 0; ++step)
    signal = stop_signal(policy, life.ending, step);
  // After KILL it is KILL again: a process may have been born between that signal and the end of its parent.
  if (life.phase == Phase::killing || !signal) return kill_step(policy);
  if (message || life.phase != Phase::stopping)
    return {Phase::clearing, policy.kill_timeout, {{*signal, Scope::tree}}};
  // The group, or all of them, have had it.
  if (policy.kill_mode == KillMode::tree) return {Phase::clearing, policy.kill_timeout, {}};
  return {Phase::clearing, policy.kill_timeout, {{*signal, Scope::rest}}};
}

}  // namespace keeper
