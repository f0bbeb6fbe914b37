#include "ctl/fleet/orphan_end.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "ctl/fleet/orphan_tree.hpp"
#include "ctl/fleet/pidfd.hpp"
#include "protocol/home/proc.hpp"

namespace keeper {
namespace {

constexpr Millis kLookAgain{100};  // for what was born meanwhile

class Ending {
 public:
  Ending(const Status& record, const Fd& pidfd, const Spec& spec, const Deadline& deadline)
      : pid_(*record.pid), pidfd_(pidfd), spec_(spec), deadline_(deadline), tree_(record) {}

  Result<OrphanRest> run();

 private:
  bool alone() const { return spec_.kill_mode == KillMode::process; }
  Deadline within(Millis wait) const;

  Done ask(int signal) const;
  void send_to_tree(int signal, bool but_group) const;
  bool empty_by(const Deadline& until, bool kill_all) const;
  std::string unheeded() const;
  void note_killed(const std::vector<int>& pids);
  OrphanRest end_rest(std::size_t asked, Deadline until);
  OrphanRest kill_rest();

  int pid_;
  const Fd& pidfd_;
  const Spec& spec_;
  const Deadline& deadline_;
  OrphanTree tree_;
  std::vector<KilledProcess> killed_{};
};

/// So long, but no longer than the whole command has.
Deadline Ending::within(Millis wait) const {
  Millis left = deadline_.left();
  return Deadline(left.count() < 0 ? wait : std::min(wait, left));
}

/// A signal to whom kill_mode says. That they are gone is no error.
Done Ending::ask(int signal) const {
  if (spec_.kill_mode == KillMode::tree) return send_to_tree(signal, false), Done();
  bool group = spec_.kill_mode == KillMode::group && tree_.group() > 0;
  if (group && getpgrp() == tree_.group()) {  // a command that the program itself has run goes on
    for (int pid : tree_.processes())
      if (getpgid(pid) == tree_.group()) kill(pid, signal);
    return {};
  }
  if (wait_for_end(pidfd_, Deadline(Millis(0)))) return {};
  if ((group ? kill(-tree_.group(), signal) : pidfd_send_signal(pidfd_.get(), signal, nullptr, 0)) == 0 ||
      errno == ESRCH)
    return {};
  return system_error("", "signal " + signal_name(signal) + " to " + (group ? "the process group of " : "") +
                              "pid " + std::to_string(pid_));
}

void Ending::send_to_tree(int signal, bool but_group) const {
  for (int pid : tree_.processes())
    if (!but_group || getpgid(pid) != tree_.group()) kill(pid, signal);
}

/// Whether nothing of the tree is left before that time is over.
bool Ending::empty_by(const Deadline& until, bool kill_all) const {
  while (true) {
    std::vector<int> rest = tree_.processes();
    if (rest.empty()) return true;
    if (kill_all)
      for (int pid : rest)
        kill(pid, SIGKILL);
    if (until.passed() || not_permitted(rest) == rest) return false;
    wait_for_ends(rest, Deadline(std::min(kLookAgain, until.left())));
  }
}

/// Why the last of its stop signals was not enough.
std::string Ending::unheeded() const {
  if (spec_.stop_signal.empty()) return "it was to end at once";
  const std::vector<int>& signals = spec_.stop_signal;
  std::string text =
      "it did not end within " + duration_text(spec_.stop_timeout) + " of " + signal_name(signals.back());
  for (std::size_t i = signals.size() - 1; i > 0; --i)
    text += (i + 1 == signals.size() ? ", nor by " : ", ") + signal_name(signals[i - 1]);
  return text + (signals.size() > 1 ? " before" : "");
}

void Ending::note_killed(const std::vector<int>& pids) {
  for (int pid : pids)
    if (std::none_of(killed_.begin(), killed_.end(), [&](const auto& one) { return one.pid == pid; }))
      killed_.push_back({pid, command_text_of(pid), unheeded()});
}

OrphanRest Ending::kill_rest() {
  OrphanRest out;
  note_killed(tree_.processes());
  if (!empty_by(within(spec_.kill_timeout), true)) out.survivors = tree_.processes();
  out.killed = std::move(killed_);
  return out;
}

/// The program has ended; others may be left. They have what is left of the stop time: `until` is the end of
/// that of stop signal number `asked`.
OrphanRest Ending::end_rest(std::size_t asked, Deadline until) {
  OrphanRest out;
  if (alone()) return out.left = tree_.processes(), out;
  if (spec_.kill_mode == KillMode::group)
    for (int each : {spec_.stop_signal[asked], SIGCONT})
      send_to_tree(each, true);
  while (!empty_by(until, false)) {
    if (deadline_.passed()) {
      out.left = tree_.processes();
      out.late = !out.left.empty();
      return out;
    }
    if (++asked >= spec_.stop_signal.size()) return kill_rest();
    if (spec_.kill_mode != KillMode::mixed)
      for (int each : {spec_.stop_signal[asked], SIGCONT})
        send_to_tree(each, false);
    until = within(spec_.stop_timeout);
  }
  return out;
}

Result<OrphanRest> Ending::run() {
  if (!not_permitted({pid_}).empty()) return Error{Reason::failed, "", not_permitted_text({pid_}), 0};
  Error late{Reason::timeout, "", "its program has not ended in time; it has been told to", 0};
  for (std::size_t i = 0; i < spec_.stop_signal.size(); ++i) {
    for (int each : {spec_.stop_signal[i], SIGCONT})
      if (Done done = ask(each); !done) return done.error();
    const Deadline until = within(spec_.stop_timeout);
    if (wait_for_end(pidfd_, until)) return end_rest(i, until);
    if (deadline_.passed()) return late;
  }
  if (!alone()) {
    note_killed(tree_.processes());
    send_to_tree(SIGKILL, false);
    const bool ended = wait_for_end(pidfd_, within(spec_.kill_timeout));
    if (!ended && deadline_.passed()) return late;
    return kill_rest();
  }
  note_killed({pid_});
  pidfd_send_signal(pidfd_.get(), SIGKILL, nullptr, 0);
  OrphanRest out;
  if (wait_for_end(pidfd_, within(spec_.kill_timeout)))
    out.left = tree_.processes();
  else if (deadline_.passed())
    return late;
  else
    out.survivors = {pid_};
  out.killed = std::move(killed_);
  return out;
}

}  // namespace

Result<OrphanRest> end_orphan(const Status& record, const Fd& pidfd, const Spec& spec,
                              const Deadline& deadline) {
  return Ending(record, pidfd, spec, deadline).run();
}

}  // namespace keeper
