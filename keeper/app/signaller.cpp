#include "keeper/app/signaller.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "keeper/app/lifecycle_log.hpp"
#include "keeper/app/node_channels.hpp"
#include "keeper/app/runs.hpp"
#include "keeper/child/pidfd.hpp"
#include "keeper/child/tree.hpp"
#include "keeper/core/stop_plan.hpp"
#include "protocol/base/proc.hpp"

namespace keeper {

/// Whether another run has its place, by a reload.
bool Signaller::goes_last(RunId id) const {
  const auto& leaving = app_.machine.snapshot().leaving;
  return std::any_of(leaving.begin(), leaving.end(),
                     [&](const Life& life) { return life.run == id && life.ending == Cause::reload; });
}

void Signaller::note(const std::vector<Action>& actions) {
  for (const Action& action : actions)
    if (const auto* signal = std::get_if<action::Signal>(&action))
      (goes_last(signal->run) ? last_ : pending_).push_back({signal->run, signal->signal, signal->scope});
}

void Signaller::perform(const action::Signal& signal) {
  if (!goes_last(signal.run)) send(signal);
}

bool Signaller::send_last() {
  if (last_.empty()) return false;
  for (const KeptSignal& one : last_)
    send(action::Signal{one.run, one.signal, one.scope});
  last_.clear();
  return true;
}

void Signaller::send(const action::Signal& wanted) {
  Run* run = runs_.find(wanted.run);
  if (run == nullptr) return;
  if (wanted.signal <= 0) {  // without a channel the first of the stop signals says it
    if (!channels_.send_word(*run, wanted.signal)) send_first(*run);
    return;
  }
  if (!may_signal_main(*run)) {  // the rest gets no signal either: the program stays as it is
    error_ = EPERM;
    return note_refused(*run, {run->pid});
  }
  if (wanted.signal == SIGKILL) run->sent_kill = true;
  if (wanted.signal == SIGKILL && wanted.scope == Scope::tree) run->kill_all = true;
  send_by_scope(*run, wanted.signal, wanted.scope);
}

void Signaller::send_first(Run& run) {
  const Policy& policy = app_.machine.policy();
  const StopStep step = stop_step(policy, std::nullopt, policy.stop_message ? 1 : 0);
  for (const StopStep::Send& each : step.sends)
    send_by_scope(run, each.signal, each.scope);
}

void Signaller::send_by_scope(Run& run, int signal, Scope scope) {
  if (scope == Scope::process) {
    if (signal == SIGKILL && !run.main_ended && !run.why_killed.empty())
      note_killed(run, {{run.pid, command_text_of(run.pid), run.why_killed}});
    bool sent = !run.main_ended && pidfd_send_signal(run.pidfd.native_handle(), signal, nullptr, 0) == 0;
    error_ = sent ? 0 : run.main_ended ? ESRCH : errno;
    return;
  }
  if (scope == Scope::group) {
    if (run.main_ended) return;
    // Once its main process has moved, nobody may be left in the group, and its number be another's.
    if (run.pid == run.session || group_has(run.session, runs_.tree(run))) kill(-run.session, signal);
    if (group_of(run.pid) != run.session) pidfd_send_signal(run.pidfd.native_handle(), signal, nullptr, 0);
    return;
  }
  std::vector<int> all = runs_.tree(run);
  if (scope == Scope::rest) std::erase_if(all, [&](int pid) { return group_of(pid) == run.session; });
  send_to(run, signal, all);
}

/// The command of a process is read before KILL: it is gone after that.
void Signaller::send_to(Run& run, int signal, const std::vector<int>& pids) {
  std::vector<int> not_sent;
  std::vector<KilledProcess> killed;
  for (int pid : pids) {
    const bool tell = signal == SIGKILL && !run.why_killed.empty() &&
                      std::find(run.killed.begin(), run.killed.end(), pid) == run.killed.end();
    std::string command = tell ? command_text_of(pid) : "";
    if (kill(pid, signal) == 0) {
      if (tell) killed.push_back({pid, std::move(command), run.why_killed});
    } else if (errno == EPERM) {
      not_sent.push_back(pid);
    }
  }
  note_killed(run, std::move(killed));
  if (run.main_ended && !not_sent.empty()) note_refused(run, not_sent);
}

void Signaller::note_killed(Run& run, std::vector<KilledProcess> fresh) {
  std::erase_if(fresh, [&](const KilledProcess& one) {
    return std::find(run.killed.begin(), run.killed.end(), one.pid) != run.killed.end();
  });
  if (fresh.empty()) return;
  for (const KilledProcess& one : fresh)
    run.killed.push_back(one.pid);
  run.killed_text = killed_text(fresh);
  log_.add(run.killed_text);
  app_.recorder.note_killed(run.id, fresh);
}

bool Signaller::may_signal_main(Run& run) {
  return run.main_ended || pidfd_send_signal(run.pidfd.native_handle(), 0, nullptr, 0) == 0 || errno != EPERM;
}

/// Queues the event: the machine gets it after the step in hand.
void Signaller::note_refused(const Run& run, const std::vector<int>& pids) {
  events_.queue(event::Refused{run.id, not_permitted_text(pids)});
}

void Signaller::save(KeptState& state) const {
  state.signals = pending_;
  state.signals.insert(state.signals.end(), last_.begin(), last_.end());
}

}  // namespace keeper
