#include "keeper/core/stop_plan.hpp"

namespace keeper {
namespace {

/// 0: there is none of that number.
int stop_signal(const Policy& policy, const std::optional<Cause>& why, int index) {
  if (why == Cause::watchdog) return index == 0 ? SIGABRT : 0;
  auto i = static_cast<std::size_t>(index);
  return i < policy.stop_signal.size() ? policy.stop_signal[i] : 0;
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
  int signal = stop_signal(policy, why, index);
  if (signal == 0) return kill_step(policy);
  Scope scope = scope_of(policy.kill_mode);
  return {Phase::stopping, policy.stop_timeout, {{signal, scope}, {SIGCONT, scope}}};
}

std::string unheeded_text(const Policy& policy, const std::optional<Cause>& why, int index, Millis wait) {
  std::string text = "it did not end within " + duration_text(wait) + " of ";
  text += signal_name(stop_signal(policy, why, index));
  for (int i = index; i > 0; --i)
    text += (i == index ? ", nor by " : ", ") + signal_name(stop_signal(policy, why, i - 1));
  return text + (index > 0 ? " before" : "");
}

StopStep kill_step(const Policy& policy) {
  Scope scope = policy.kill_mode == KillMode::process ? Scope::process : Scope::tree;
  return {Phase::killing, policy.kill_timeout, {{SIGKILL, scope}}};
}

StopStep clear_step(const Policy& policy, const Life& life) {
  int signal = stop_signal(policy, life.ending, life.step);
  // After KILL it is KILL again: a process may have been born between that signal and the end of its parent.
  if (life.phase == Phase::killing || signal == 0) return kill_step(policy);
  if (life.phase != Phase::stopping) return {Phase::clearing, policy.kill_timeout, {{signal, Scope::tree}}};
  // The group, or all of them, have had it.
  if (policy.kill_mode == KillMode::tree) return {Phase::clearing, policy.kill_timeout, {}};
  return {Phase::clearing, policy.kill_timeout, {{signal, Scope::rest}}};
}

}  // namespace keeper
