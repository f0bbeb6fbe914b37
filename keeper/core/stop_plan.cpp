#include "keeper/core/stop_plan.hpp"

namespace keeper {
namespace {

/// Returns what asks a run to end at step `index`: a signal, or the message; nothing past the last one.
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
    case KillMode::process:
    case KillMode::mixed: return Scope::process;
    case KillMode::group: return Scope::group;
    case KillMode::tree: return Scope::tree;
  }
  return Scope::group;
}

/// Returns the first one from `index` on that is a signal: messages go to the main process alone.
int first_signal(const Policy& policy, const std::optional<Cause>& why, int index) {
  for (auto one = stop_signal(policy, why, index); one && *one <= 0; one = stop_signal(policy, why, index))
    ++index;
  return index;
}

/// Returns the step that asks the rest of a run to stop, when its main process is gone.
StopStep rest_step(const Policy& policy, const std::optional<Cause>& why, int index) {
  const auto signal = stop_signal(policy, why, index);
  if (!signal) return kill_step(policy);
  StopStep out{Phase::clearing, policy.stop_timeout, {}, index};
  if (policy.kill_mode != KillMode::mixed) out.sends = {{*signal, Scope::tree}, {SIGCONT, Scope::tree}};
  return out;
}

}  // namespace

StopStep stop_step(const Policy& policy, const std::optional<Cause>& why, int index) {
  const auto signal = stop_signal(policy, why, index);
  if (!signal) return kill_step(policy);
  const bool message = *signal <= 0;
  Scope scope = message ? Scope::process : scope_of(policy.kill_mode);
  return {Phase::stopping, policy.stop_timeout, {{*signal, scope}, {SIGCONT, scope}}, index};
}

std::string unheeded_text(const Policy& policy, const Life& life, Millis wait) {
  auto name = [&](int index) { return name_of(stop_signal(policy, life.ending, index).value_or(SIGKILL)); };
  if (policy.kill_mode == KillMode::mixed && life.exit)
    return "it did not end within " + duration_text(wait) + " of " +
           (life.ending ? name(life.step) + " to its main process" : "the end of its main process");
  std::string text = "it did not end within " + duration_text(wait) + " of " + name(life.step);
  const int first = life.exit ? first_signal(policy, life.ending, 0) : 0;  // no other process gets a message
  for (int i = life.step; i > first; --i)
    text += (i == life.step ? ", nor by " : ", ") + name(i - 1);
  return text + (life.step > first ? " before" : "");
}

StopStep kill_step(const Policy& policy) {
  Scope scope = policy.kill_mode == KillMode::process ? Scope::process : Scope::tree;
  return {Phase::killing, policy.kill_timeout, {{SIGKILL, scope}}};
}

StopStep clear_step(const Policy& policy, const Life& life) {
  // After KILL follows KILL: a process may be born between that signal and the end of its parent.
  if (life.at_once || life.phase == Phase::killing) return kill_step(policy);
  // A step without a time was refused: no process of the run was sent its signal.
  const bool asked =
      life.phase == Phase::stopping && life.until.at && stop_signal(policy, life.ending, life.step) > 0;
  if (!asked) return rest_step(policy, life.ending, first_signal(policy, life.ending, life.step));
  StopStep out{Phase::clearing, std::nullopt, {}, life.step};
  // The group, or all of them, have had it.
  if (policy.kill_mode == KillMode::group)
    out.sends = {{*stop_signal(policy, life.ending, life.step), Scope::rest}, {SIGCONT, Scope::rest}};
  return out;
}

StopStep harder_step(const Policy& policy, const Life& life) {
  return (life.exit ? rest_step : stop_step)(policy, life.ending, life.step + 1);
}

}  // namespace keeper
