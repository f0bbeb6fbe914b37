#include "ctl/fleet/stopper.hpp"

#include "ctl/fleet/asking.hpp"
#include "ctl/fleet/orphan.hpp"
#include "ctl/fleet/pidfd.hpp"
#include "ctl/fleet/reach.hpp"

namespace keeper {
namespace {

constexpr Millis kLockStep{100};

std::string with_pid(const std::string& what, const Row& row) {
  return what + (row.status.pid ? " (pid " + std::to_string(*row.status.pid) + ")" : "");
}

Outcome stopped(const Row& row) {
  return Outcome::done(row.id, with_pid("stopped " + row.id.stem(), row));
}

Outcome end_orphan(const Home& home, const Row& row, const Deadline& deadline) {
  Done done = stop_orphan(home, row.id, deadline);
  return done ? stopped(row) : Outcome::failed(row.id, done.error());
}

/// A keeper leaves after its reply. One whose pid another process was given in this moment is not waited for:
/// a keeper that lives holds its lock.
bool wait_until_gone(const Home& home, const Row& row, const Deadline& deadline) {
  for (auto pid : {row.status.keeper_pid, row.status.guard_pid}) {
    Fd pidfd = pid ? open_pidfd(*pid) : Fd();
    while (pidfd && !wait_for_end(pidfd, Deadline(kLockStep))) {
      if (deadline.passed()) return false;
      if (!home.locked(row.id.stem())) break;
    }
  }
  return true;
}

/// Its keeper was leaving already when it was asked, or was killed.
Outcome stop_without_keeper(const Home& home, const Row& asked, const Error& error,
                            const Deadline& deadline) {
  for (const Row& row : look_again(home, {asked.id}, deadline)) {
    if (is_orphan(row)) return end_orphan(home, row, deadline);
    if (row.keeper_lives) return Outcome::failed(asked.id, error);
  }
  return stopped(asked);
}

std::string survivors_text(const std::vector<int>& pids) {
  std::string out = "survived KILL:";
  for (int pid : pids)
    out += " pid " + std::to_string(pid);
  return out;
}

Outcome stop_outcome(const Home& home, const Row& row, const Answer& answer, const Deadline& deadline) {
  auto status = reply_of<Stop>(row.id, answer);
  if (!status) {
    const Error& error = status.error();
    if (error.reason == Reason::timeout) return Outcome::failed(row.id, late("it goes on being stopped"));
    if (error.reason == Reason::not_running) return stop_without_keeper(home, row, error, deadline);
    return Outcome::failed(row.id, error);
  }
  if (!wait_until_gone(home, row, deadline)) return Outcome::failed(row.id, late("its keeper is leaving"));
  if (status->survivors.empty()) return stopped(row);
  return Outcome::failed(row.id, {Reason::failed, "", survivors_text(status->survivors), 0});
}

}  // namespace

std::vector<Outcome> stop_apps(const Home& home, const std::vector<Row>& rows, const Deadline& deadline) {
  std::vector<Outcome> out;
  std::vector<Row> kept, orphans;
  for (const Row& row : rows) {
    if (row.answered)
      kept.push_back(row);
    else if (is_orphan(row))
      orphans.push_back(row);
    else if (is_deaf(row))
      out.push_back(Outcome::failed(row.id, deaf(row)));
  }
  Answers answers = ask(home, kept, Stop{}, deadline);
  for (std::size_t i = 0; i < kept.size(); ++i)
    out.push_back(stop_outcome(home, kept[i], answers[i], deadline));
  for (const Row& row : orphans)
    out.push_back(end_orphan(home, row, deadline));
  return out;
}

}  // namespace keeper
