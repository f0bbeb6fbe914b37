#include "ctl/fleet/stopper.hpp"

#include <unistd.h>

#include "ctl/fleet/asking.hpp"
#include "ctl/fleet/guard_end.hpp"
#include "ctl/fleet/orphan.hpp"
#include "ctl/fleet/pidfd.hpp"
#include "ctl/fleet/reach.hpp"
#include "protocol/home/proc.hpp"

namespace keeper {
namespace {

constexpr Millis kLockStep{100};

std::string stopped_text(const Row& row) {
  return "stopped " + row.id.stem() +
         (row.status.pid ? " (pid " + std::to_string(*row.status.pid) + ")" : "");
}

std::string survivors_text(const std::vector<int>& pids) {
  const std::vector<int> refused = not_permitted(pids);
  return refused.empty() ? "survived KILL:" + pids_text(pids) : not_permitted_text(refused);
}

/// With what is left of it, as its keeper, or its record, says.
Outcome stopped(const Row& row, const Status& status) {
  if (!status.survivors.empty())
    return Outcome::failed(row.id, {Reason::failed, "", survivors_text(status.survivors), 0});
  bool of_this_run = status.last_exit && status.last_exit->pid == row.status.pid;
  std::string force = of_this_run ? force_text(status) : "";
  return Outcome::done(row.id, stopped_text(row) + force + left_text(status));
}

Outcome end_without_keeper(const Home& home, const Row& row, std::string_view asked,
                           const Deadline& deadline) {
  auto status = stop_orphan(home, row.id, asked, deadline);
  return status ? stopped(row, *status) : Outcome::failed(row.id, status.error());
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
  // One that took another's place meanwhile is not in the row.
  for (Deadline gone(Home::kLockWait); home.locked(row.id.stem()) && !gone.passed() && !deadline.passed();)
    usleep(1000);
  return true;
}

/// Its keeper was leaving already when it was asked, or was killed.
Outcome stop_without_keeper(const Home& home, const Row& asked, const Error& error,
                            const Deadline& deadline) {
  for (const Row& row : look_again(home, {asked.id}, deadline)) {
    if (is_orphan(row) || is_being_ended(row)) return end_without_keeper(home, row, "stop", deadline);
    if (row.keeper_lives) return Outcome::failed(asked.id, error);
  }
  return Outcome::done(asked.id, stopped_text(asked));
}

/// A guard without a keeper is ended with its program; a keeper that does not answer is left alone.
Outcome stop_deaf(const Home& home, const Row& row, std::string_view asked, const Deadline& deadline) {
  if (row.status.keeper_pid || !end_guard_without_keeper(home, row.id, deadline))
    return Outcome::failed(row.id, deaf(row));
  Row now = row;
  for (Row& one : look_again(home, {row.id}, deadline))
    now = std::move(one);
  auto status = stop_orphan(home, row.id, asked, deadline);
  if (!status && status.error().reason == Reason::not_running)
    return Outcome::done(row.id, stopped_text(row));
  return status ? stopped(now, *status) : Outcome::failed(row.id, status.error());
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
  return stopped(row, *status);
}

std::vector<Outcome> stop_all(const Home& home, const std::vector<Row>& rows, const Stop& request,
                              std::string_view asked, const Deadline& deadline) {
  std::vector<Outcome> out;
  std::vector<Row> kept, orphans, silent;
  for (const Row& row : rows) {
    if (row.answered)
      kept.push_back(row);
    else if (is_orphan(row) || is_being_ended(row))
      orphans.push_back(row);
    else if (is_deaf(row))
      silent.push_back(row);
  }
  Answers answers = ask(home, kept, request, deadline);
  for (std::size_t i = 0; i < kept.size(); ++i)
    out.push_back(stop_outcome(home, kept[i], answers[i], deadline));
  for (const Row& row : orphans)
    out.push_back(end_without_keeper(home, row, asked, deadline));
  for (const Row& row : silent)
    out.push_back(stop_deaf(home, row, asked, deadline));
  return out;
}

}  // namespace

std::vector<Outcome> stop_apps(const Home& home, const std::vector<Row>& rows, const Deadline& deadline,
                               std::string_view asked) {
  return stop_all(home, rows, Stop{}, asked, deadline);
}

std::vector<Outcome> stop_and_forget(const Home& home, const std::vector<Row>& rows, bool keep_logs,
                                     const Deadline& deadline) {
  Stop request;
  request.forget = true;
  request.keep_logs = keep_logs;
  return stop_all(home, rows, request, "stop", deadline);
}

std::vector<Outcome> scale_down(const Home& home, const std::vector<Row>& rows, const Deadline& deadline) {
  Stop request;
  request.scale = true;
  return stop_all(home, rows, request, "scale", deadline);
}

}  // namespace keeper
