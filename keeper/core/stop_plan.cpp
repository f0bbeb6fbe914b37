#include "keeper/core/stop_plan.hpp"

namespace keeper {
namespace {

const int* stop_signal(const Policy& policy, int index) {
  auto i = static_cast<std::size_t>(index);
  return i < policy.stop_signal.size() ? &policy.stop_signal[i] : nullptr;
}

}  // namespace

StopStep stop_step(const Policy& policy, int index) {
  const int* signal = stop_signal(policy, index);
  if (!signal) return kill_step(policy);
  return {Phase::stopping, policy.stop_timeout, {{*signal, Scope::group}, {SIGCONT, Scope::group}}};
}

StopStep kill_step(const Policy& policy) {
  return {Phase::killing, policy.kill_timeout, {{SIGKILL, Scope::tree}}};
}

StopStep clear_step(const Policy& policy, Phase phase, int index) {
  const int* signal = stop_signal(policy, index);
  // After KILL it is KILL again: a process may have been born between that signal and the end of its parent.
  if (phase == Phase::killing || !signal) return kill_step(policy);
  Scope scope = phase == Phase::stopping ? Scope::rest : Scope::tree;
  return {Phase::clearing, policy.kill_timeout, {{*signal, scope}}};
}

}  // namespace keeper
