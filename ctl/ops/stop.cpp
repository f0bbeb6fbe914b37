#include "ctl/ops/stop.hpp"

#include <unistd.h>

#include <map>
#include <set>

#include "ctl/ops/call.hpp"
#include "ctl/ops/fleet_state.hpp"
#include "ctl/ops/guard_end.hpp"
#include "ctl/ops/pidfd.hpp"
#include "ctl/ops/start.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/store/home.hpp"

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

/// Returns what can be said of an app that has no keeper any more: by its record, as it is now.
Outcome ended_without_keeper(const Row& asked, const Row& now) {
  if (now.status.state == State::stopped) return stopped(asked, now.status);
  return Outcome::failed(asked.id, {Reason::not_running, "", "it has ended meanwhile", 0});
}

/// Stops apps, each as its row says. A keeper can be killed while it stops its app: `takeovers` is how often
/// another one is started then.
class Stopping {
 public:
  Stopping(const Home& home, Stop request, std::string_view verb, const Deadline& deadline)
      : home_(home), request_(std::move(request)), verb_(verb), deadline_(deadline) {}

  std::vector<Outcome> all(const std::vector<Row>& rows, int takeovers);

 private:
  std::vector<Outcome> ask_keepers(std::vector<Row> rows, int takeovers);
  std::vector<Outcome> stop_orphans(const std::vector<Row>& rows, int takeovers);
  Outcome outcome_of(const Row& row, const Answer& answer, int takeovers);
  Outcome without_keeper(const Row& asked, const Error& error, int takeovers);
  Outcome stop_unresponsive(const Row& row, int takeovers);

  const Home& home_;
  Stop request_;
  std::string_view verb_;
  const Deadline& deadline_;
};

std::vector<Outcome> Stopping::all(const std::vector<Row>& rows, int takeovers) {
  std::vector<Row> kept, orphans, silent;
  for (const Row& row : rows) {
    if (row.answered)
      kept.push_back(row);
    else if (is_orphan(row))
      orphans.push_back(row);
    else if (is_deaf(row))
      silent.push_back(row);
  }
  std::vector<Outcome> out = ask_keepers(std::move(kept), takeovers);
  for (Outcome& one : stop_orphans(orphans, takeovers))
    out.push_back(std::move(one));
  for (const Row& row : silent)
    out.push_back(stop_unresponsive(row, takeovers));
  return out;
}

std::vector<Outcome> Stopping::ask_keepers(std::vector<Row> rows, int takeovers) {
  std::vector<Outcome> out;
  const Answers answers = ask(home_, rows, request_, deadline_);
  for (std::size_t i = 0; i < rows.size(); ++i)
    out.push_back(outcome_of(rows[i], answers[i], takeovers));
  return out;
}

/// Has keepers take the programs over, which stop them, and asks these.
std::vector<Outcome> Stopping::stop_orphans(const std::vector<Row>& rows, int takeovers) {
  std::vector<Outcome> out;
  if (rows.empty()) return out;
  const auto keeper = find_keeper();
  std::vector<AppId> ids;
  for (const Row& row : rows) {
    const std::string pid = std::to_string(row.status.pid.value_or(0));
    if (keeper)
      ids.push_back(row.id);
    else
      out.push_back(Outcome::failed(
          row.id, {Reason::failed, "",
                   keeper.error().why() + "; 'kill " + pid + "' tells pid " + pid + " to end", 0}));
  }
  if (!keeper) return out;
  std::set<AppId> taken;
  for (Outcome& one : take_over_to_stop(*keeper, ids, verb_, deadline_))
    if (one.code == exit_code::done)
      taken.insert(one.id);
    else
      out.push_back(std::move(one));
  std::map<AppId, Row> now;
  for (Row& row : taken.empty() ? std::vector<Row>() : look_again(home_, taken, deadline_))
    now.emplace(row.id, std::move(row));
  std::vector<Row> kept;
  for (const Row& row : rows) {
    if (!taken.contains(row.id)) continue;
    const auto found = now.find(row.id);
    if (found == now.end()) {
      out.push_back(Outcome::failed(row.id, {Reason::not_running, "", "it was deleted meanwhile", 0}));
    } else if (found->second.answered) {
      Row& fresh = found->second;
      if (!fresh.status.pid) fresh.status.pid = row.status.pid;
      kept.push_back(std::move(fresh));
    } else if (is_orphan(found->second) && takeovers > 0) {
      for (Outcome& one : stop_orphans({found->second}, takeovers - 1))
        out.push_back(std::move(one));
    } else if (found->second.keeper_lives) {
      out.push_back(Outcome::failed(
          row.id, deadline_.passed() ? late("it goes on being stopped") : deaf(found->second)));
    } else {
      out.push_back(ended_without_keeper(row, found->second));
    }
  }
  for (Outcome& one : ask_keepers(std::move(kept), takeovers))
    out.push_back(std::move(one));
  return out;
}

Outcome Stopping::outcome_of(const Row& row, const Answer& answer, int takeovers) {
  auto status = reply_of<Stop>(row.id, answer);
  if (!status) {
    const Error& error = status.error();
    if (error.reason == Reason::timeout) return Outcome::failed(row.id, late("it goes on being stopped"));
    if (error.reason == Reason::not_running) return without_keeper(row, error, takeovers);
    return Outcome::failed(row.id, error);
  }
  if (!wait_until_gone(home_, row, deadline_)) return Outcome::failed(row.id, late("its keeper is leaving"));
  return stopped(row, *status);
}

/// Its keeper was leaving already when it was asked, or was killed.
Outcome Stopping::without_keeper(const Row& asked, const Error& error, int takeovers) {
  for (const Row& row : look_again(home_, {asked.id}, deadline_)) {
    if (is_orphan(row) && takeovers > 0) return stop_orphans({row}, takeovers - 1).front();
    if (row.keeper_lives || is_orphan(row)) return Outcome::failed(asked.id, error);
    if (row.status.state == State::stopped) return stopped(asked, row.status);
  }
  return Outcome::done(asked.id, stopped_text(asked));
}

/// Ends a guard whose keepers cannot begin, and then stops its program. If that has ended by itself, the stop
/// is only recorded. Leaves a keeper that does not answer alone.
Outcome Stopping::stop_unresponsive(const Row& row, int takeovers) {
  if (row.status.keeper_pid || !end_guard_without_keeper(home_, row.id, deadline_))
    return Outcome::failed(row.id, deaf(row));
  for (const Row& now : look_again(home_, {row.id}, deadline_)) {
    const Outcome stopped = stop_orphans({now}, takeovers).front();
    if (is_orphan(now)) return stopped;
  }
  return Outcome::done(row.id, stopped_text(row));
}

constexpr int kTakeovers = 2;

}  // namespace

std::vector<Outcome> stop_apps(const Home& home, const std::vector<Row>& rows, const Deadline& deadline,
                               std::string_view asked) {
  return Stopping(home, Stop{}, asked, deadline).all(rows, kTakeovers);
}

std::vector<Outcome> stop_and_forget(const Home& home, const std::vector<Row>& rows, bool keep_logs,
                                     const Deadline& deadline) {
  Stop request;
  request.forget = true;
  request.keep_logs = keep_logs;
  return Stopping(home, request, "stop", deadline).all(rows, kTakeovers);
}

std::vector<Outcome> scale_down(const Home& home, const std::vector<Row>& rows, const Deadline& deadline) {
  Stop request;
  request.scale = true;
  return Stopping(home, request, "scale", deadline).all(rows, kTakeovers);
}

}  // namespace keeper
