#include "ctl/fleet/orphan_end.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "ctl/fleet/orphan_tree.hpp"
#include "ctl/fleet/pidfd.hpp"

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
  bool ends_within(Millis wait) const { return wait_for_end(pidfd_, within(wait)); }

  Done ask(int signal) const;
  void send_to_tree(int signal, bool but_group) const;
  bool empty_within(Millis wait, bool kill_all) const;
  OrphanRest end_rest(int signal, bool killed) const;

  int pid_;
  const Fd& pidfd_;
  const Spec& spec_;
  const Deadline& deadline_;
  OrphanTree tree_;
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
bool Ending::empty_within(Millis wait, bool kill_all) const {
  Deadline until = within(wait);
  while (true) {
    std::vector<int> rest = tree_.processes();
    if (rest.empty()) return true;
    if (kill_all)
      for (int pid : rest)
        kill(pid, SIGKILL);
    if (until.passed()) return false;
    wait_for_ends(rest, Deadline(std::min(kLookAgain, until.left())));
  }
}

/// The program has ended; others may be left.
OrphanRest Ending::end_rest(int signal, bool killed) const {
  OrphanRest out;
  if (alone()) return out.left = tree_.processes(), out;
  if (!killed) {
    if (spec_.kill_mode == KillMode::group) send_to_tree(signal, true);
    if (empty_within(spec_.kill_timeout, false)) return out;
  }
  if (deadline_.passed()) {
    out.left = tree_.processes();
    out.late = !out.left.empty();
    return out;
  }
  if (!empty_within(spec_.kill_timeout, true)) out.survivors = tree_.processes();
  return out;
}

Result<OrphanRest> Ending::run() {
  Error late{Reason::timeout, "", "its program has not ended in time; it has been told to", 0};
  for (int signal : spec_.stop_signal) {
    for (int each : {signal, SIGCONT})
      if (Done done = ask(each); !done) return done.error();
    if (ends_within(spec_.stop_timeout)) return end_rest(signal, false);
    if (deadline_.passed()) return late;
  }
  if (alone())
    pidfd_send_signal(pidfd_.get(), SIGKILL, nullptr, 0);
  else
    send_to_tree(SIGKILL, false);
  if (ends_within(spec_.kill_timeout)) return end_rest(SIGKILL, true);
  if (deadline_.passed()) return late;
  OrphanRest out;
  out.survivors = alone() ? std::vector<int>{pid_} : tree_.processes();
  return out;
}

}  // namespace

Result<OrphanRest> end_orphan(const Status& record, const Fd& pidfd, const Spec& spec,
                              const Deadline& deadline) {
  return Ending(record, pidfd, spec, deadline).run();
}

std::string pids_text(const std::vector<int>& pids) {
  std::string out;
  for (int pid : pids)
    out += " pid " + std::to_string(pid);
  return out;
}

}  // namespace keeper
