// Signals to a run: whom each is sent, who was killed by one, and what is said where one is refused.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "keeper/app/keeper.hpp"
#include "keeper/child/pidfd.hpp"
#include "protocol/home/proc.hpp"

namespace keeper {

/// Whether this keeper may signal its main process, which may have become another user since its start.
bool Keeper::may_signal_main(Run& run) {
  return run.main_ended || pidfd_send_signal(run.pidfd.native_handle(), 0, nullptr, 0) == 0 || errno != EPERM;
}

/// Queues the event: the machine gets it after the step in hand.
void Keeper::refused(const Run& run, const std::vector<int>& pids) {
  events_.push_back(event::Refused{run.id, not_permitted_text(pids)});
}

void Keeper::send_signal(Run& run, int signal, Scope scope) {
  if (scope == Scope::process) {
    if (signal == SIGKILL && !run.main_ended && !run.why_killed.empty())
      note_killed(run, {{run.pid, command_text_of(run.pid), run.why_killed}});
    bool sent = !run.main_ended && pidfd_send_signal(run.pidfd.native_handle(), signal, nullptr, 0) == 0;
    signal_error_ = sent ? 0 : run.main_ended ? ESRCH : errno;
    return;
  }
  if (scope == Scope::group) {
    if (run.main_ended) return;
    // Once its main process has moved, nobody may be left in the group, and its number be another's.
    if (run.pid == run.session || group_has(run.session, tree_of(ids_of(run)))) kill(-run.session, signal);
    if (group_of(run.pid) != run.session) pidfd_send_signal(run.pidfd.native_handle(), signal, nullptr, 0);
    return;
  }
  std::vector<int> all = tree_of(ids_of(run));
  if (scope == Scope::rest) std::erase_if(all, [&](int pid) { return group_of(pid) == run.session; });
  send_to(run, signal, all);
}

/// Sends a signal to each process. The command of a process is read before KILL: it is gone after that.
void Keeper::send_to(Run& run, int signal, const std::vector<int>& pids) {
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
  if (run.main_ended && !not_sent.empty()) refused(run, not_sent);
}

void Keeper::note_killed(Run& run, std::vector<KilledProcess> fresh) {
  std::erase_if(fresh, [&](const KilledProcess& one) {
    return std::find(run.killed.begin(), run.killed.end(), one.pid) != run.killed.end();
  });
  if (fresh.empty()) return;
  for (const KilledProcess& one : fresh)
    run.killed.push_back(one.pid);
  run.killed_text = killed_text(fresh);
  lifecycle_log_.add(run.killed_text);
  recorder_.note_killed(run.id, fresh);
}

/// Why a run cannot be ended; empty while none is stuck.
std::string Keeper::stuck_text() const {
  std::string out = machine_.stuck();
  if (out != Machine::kSurvived) return out;
  out = "survived KILL:";
  for (int pid : survivors_)
    out += " pid " + std::to_string(pid);
  return out;
}

}  // namespace keeper
