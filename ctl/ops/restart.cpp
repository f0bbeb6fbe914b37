#include "ctl/ops/restart.hpp"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "ctl/ops/call.hpp"
#include "ctl/ops/fleet_state.hpp"
#include "ctl/ops/run_history.hpp"

namespace keeper {
namespace {

constexpr unsigned kReadyStep = 20'000;  // microseconds

std::string number_or_none(const std::optional<int>& pid) {
  return pid ? std::to_string(*pid) : "none";
}

/// What is said of a run that was begun.
using Wording = std::string (*)(const Row& before, const Status& after);

std::string restarted(const Row& before, const Status& after) {
  return "restarted " + before.id.stem() + ": pid " + number_or_none(before.status.pid) + " -> " +
         number_or_none(after.pid) + force_text(after) + left_text(after);
}

std::string started(const Row& before, const Status& after) {
  return before.id.stem() + ": started, pid " + number_or_none(after.pid);
}

Outcome restart_outcome(const Row& row, const Answer& answer, Wording wording) {
  auto status = reply_of<RestartRun>(row.id, answer);
  if (!status && status.error().reason == Reason::timeout)
    return Outcome::failed(row.id, late("it goes on being restarted"));
  if (!status) return Outcome::failed(row.id, status.error());
  Outcome out = Outcome::done(row.id, wording(row, *status));
  out.run = status->run;
  return out;
}

Error did_not_become_ready(const Status& s) {
  bool given_up = !has_keeper(s.state) && s.reason && !s.reason->empty();
  bool failed = s.spawn_error || s.last_exit;
  return {Reason::failed, "",
          "it did not become ready: " + (given_up ? *s.reason
                                         : failed ? failed_start_text(s)
                                                  : "it is " + std::string(word_for(s.state))),
          0};
}

/// Nothing while it is still undecided.
std::optional<Done> readiness(const Row& row, std::uint64_t run) {
  const Status& s = row.status;
  if (s.ready && s.state == State::running) return Done{};
  if (is_stuck(row)) return Done{stuck(row)};
  if (run != 0 && s.run > run) return Done{did_not_become_ready(s)};  // another was tried meanwhile
  if (s.state == State::backoff || !has_keeper(s.state)) return Done{did_not_become_ready(s)};
  if (!row.keeper_lives) return Done{Error{Reason::failed, "", "its keeper was killed meanwhile", 0}};
  return std::nullopt;
}

}  // namespace

void await_ready(const Home& home, std::vector<Outcome>& outcomes, const Deadline& deadline) {
  std::set<AppId> pending;
  for (const Outcome& one : outcomes)
    if (one.code == exit_code::done) pending.insert(one.id);
  auto settle = [&](const AppId& id, const Done& done, std::vector<std::string> details) {
    pending.erase(id);
    for (Outcome& one : outcomes)
      if (one.id == id && !done) {
        one = Outcome::failed(id, done.error());
        one.details = std::move(details);
      }
  };
  auto run_of = [&](const AppId& id) {
    auto it =
        std::find_if(outcomes.begin(), outcomes.end(), [&](const Outcome& one) { return one.id == id; });
    return it == outcomes.end() ? 0 : it->run;
  };
  while (!pending.empty()) {
    for (const Row& row : look_again(home, pending, deadline))
      if (auto done = readiness(row, run_of(row.id)))
        settle(row.id, *done, *done ? std::vector<std::string>() : last_words(home, row, kLook));
    if (deadline.passed())
      for (const AppId& id : std::set<AppId>(pending))
        settle(id, Done{late("it goes on starting")}, {});
    if (!pending.empty()) usleep(kReadyStep);
  }
}

namespace {

std::vector<Outcome> begin_next_runs(const Home& home, const std::vector<Row>& rows, Wording wording,
                                     bool until_ready, const Deadline& deadline) {
  std::vector<Outcome> out;
  std::vector<Row> kept = rows;
  Answers answers = ask(home, kept, RestartRun{}, deadline);
  for (std::size_t i = 0; i < kept.size(); ++i)
    out.push_back(restart_outcome(kept[i], answers[i], wording));
  if (until_ready) await_ready(home, out, deadline);
  return out;
}

/// Each has a spec of its own.
Outcome restart_changed(const Home& home, const Row& row, const SpecChange& change,
                        const Deadline& deadline) {
  auto changed = changed_spec(home, row.id, change);
  if (!changed) return Outcome::failed(row.id, changed.error());
  std::vector<Row> rows = {row};
  RestartRun request;
  request.spec = std::move(changed->spec);
  Answers answers = ask(home, rows, request, deadline);
  Outcome out = restart_outcome(rows.front(), answers.front(), restarted);
  if (out.code == exit_code::done) out.notes = std::move(changed->differences);
  return out;
}

}  // namespace

std::vector<Outcome> start_after_stop(const Home& home, const std::vector<Row>& rows, bool until_ready,
                                      const Deadline& deadline) {
  return begin_next_runs(home, rows, started, until_ready, deadline);
}

std::vector<Outcome> restart_apps(const Home& home, const std::vector<Row>& rows, bool until_ready,
                                  const SpecChange& change, const Deadline& deadline) {
  if (change.empty()) return begin_next_runs(home, rows, restarted, until_ready, deadline);
  std::vector<Outcome> out;
  for (const Row& row : rows)
    out.push_back(restart_changed(home, row, change, deadline));
  if (until_ready) await_ready(home, out, deadline);
  return out;
}

namespace {

/// Has each of the current runs sent something: SignalRun, SendMessage.
template <class M>
std::vector<Outcome> pass_on(const Home& home, const std::vector<Row>& rows, const M& request,
                             const std::string& what, const Deadline& deadline) {
  std::vector<Outcome> out;
  std::vector<Row> kept = rows;
  Answers answers = ask(home, kept, request, deadline);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const AppId& id = kept[i].id;
    auto reply = reply_of<M>(id, answers[i]);
    out.push_back(
        reply ? Outcome::done(id, "sent " + what + id.stem() + " (pid " + std::to_string(reply->pid) + ")")
              : Outcome::failed(id, reply.error()));
  }
  return out;
}

}  // namespace

std::vector<Outcome> signal_apps(const Home& home, const std::vector<Row>& rows, const std::string& signal,
                                 const Deadline& deadline) {
  return pass_on(home, rows, SignalRun{signal, {}}, signal + " to ", deadline);
}

std::vector<Outcome> send_to_apps(const Home& home, const std::vector<Row>& rows, const JsonText& message,
                                  const Deadline& deadline) {
  return pass_on(home, rows, SendMessage{message, {}}, "to ", deadline);
}

}  // namespace keeper
