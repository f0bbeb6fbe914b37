#include "ctl/fleet/runner.hpp"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <type_traits>

#include "ctl/fleet/orphan.hpp"
#include "ctl/fleet/pidfd.hpp"

namespace keeper {
namespace {

constexpr Millis kLook{2000};
constexpr Millis kLockStep{100};
constexpr unsigned kReadyStep = 20'000;  // microseconds

using Answer = Result<std::string>;
using Answers = std::vector<Answer>;

/// Rows as they are now. An app that is gone altogether has none.
std::vector<Row> look_again(const Home& home, const std::set<AppId>& ids, const Deadline& deadline) {
  Millis left = deadline.left();
  Millis wait = left.count() < 0 ? kLook : std::min(kLook, left);
  return look_at_fleet(home, wait, [&](const AppId& id) { return ids.contains(id); });
}

/// Which run a request is about: the one that we saw, or whichever it is by now.
enum class About { this_run, any_run };

template <class M>
Answers call(const Home& home, const std::vector<Row>& rows, M request, About about,
             const Deadline& deadline) {
  std::vector<Call> calls;
  for (const Row& row : rows) {
    if (about == About::this_run) request.run = row.status.run;
    calls.push_back({row.id, request_line(kCallId, request), ""});
  }
  return call_all(home, calls, deadline.left());
}

/// Asks every keeper at once. Where another run had begun since we looked, we look again (the rows are
/// brought up to date) and ask once more: for stop and restart about any run, or one that ends all the time
/// could not be stopped.
template <class M>
Answers ask(const Home& home, std::vector<Row>& rows, const M& request, const Deadline& deadline) {
  Answers answers = call(home, rows, request, About::this_run, deadline);
  std::set<AppId> changed;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (!answers[i] && answers[i].error().reason == Reason::changed) changed.insert(rows[i].id);
  if (changed.empty()) return answers;
  constexpr About about = std::is_same_v<M, SignalRun> ? About::this_run : About::any_run;
  std::vector<Row> fresh = look_again(home, changed, deadline);
  Answers second = call(home, fresh, request, about, deadline);
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < fresh.size(); ++j) {
      if (fresh[j].id != rows[i].id) continue;
      rows[i] = fresh[j];
      answers[i] = std::move(second[j]);
    }
  return answers;
}

/// A keeper's own error says what could not be done, as ours will: once is enough.
template <class M>
Error without_doing(Error error, const AppId& id) {
  std::string doing = "cannot " + std::string(M::method) + " " + id.stem() + ": ";
  if (error.about.starts_with(doing)) error.about.erase(0, doing.size());
  return error;
}

/// Its keeper was there when we looked.
bool has_left(const Error& error) {
  return error.reason == Reason::unreachable || error.reason == Reason::not_found;
}

template <class M>
Result<typename M::Reply> reply_of(const AppId& id, const Answer& answer) {
  if (!answer && has_left(answer.error()))
    return Error{Reason::not_running, "", "its keeper has left just now", 0};
  if (!answer) return without_doing<M>(answer.error(), id);
  return read_as<typename M::Reply>(*answer);
}

Error late(const char* what_goes_on) {
  return {Reason::timeout, "", std::string("it took too long; ") + what_goes_on, 0};
}

std::string with_pid(const std::string& what, const Row& row) {
  return what + (row.status.pid ? " (pid " + std::to_string(*row.status.pid) + ")" : "");
}

// --- stop

Outcome stopped(const Row& row) {
  return Outcome::done(row.id, with_pid("stopped " + row.id.stem(), row));
}

/// What it took to end a run.
std::string force(const Status& after) {
  if (!after.last_exit || !after.last_exit->kill_reason) return "";
  return ", by KILL: " + *after.last_exit->kill_reason;
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
  if (status->survivors.empty()) {
    Outcome out = stopped(row);
    if (status->last_exit && status->last_exit->pid == row.status.pid) out.text += force(*status);
    return out;
  }
  return Outcome::failed(row.id, {Reason::failed, "", survivors_text(status->survivors), 0});
}

// --- restart

std::string number_or_none(const std::optional<int>& pid) {
  return pid ? std::to_string(*pid) : "none";
}

Outcome restart_outcome(const Row& row, const Answer& answer) {
  auto status = reply_of<RestartRun>(row.id, answer);
  if (!status && status.error().reason == Reason::timeout)
    return Outcome::failed(row.id, late("it goes on being restarted"));
  if (!status) return Outcome::failed(row.id, status.error());
  Outcome out =
      Outcome::done(row.id, "restarted " + row.id.stem() + ": pid " + number_or_none(row.status.pid) +
                                " -> " + number_or_none(status->pid) + force(*status));
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

/// What the last run said at its end, for whoever waits for a good start.
std::vector<std::string> last_words(const Home& home, const AppId& id) {
  constexpr std::uint64_t kLines = 5;
  auto answer = call_all(home, {{id, request_line(kCallId, GetWhy{kLines}), ""}}, kLook).front();
  RunHistory history{home.read_runs(id.stem())};
  if (answer)
    if (auto told = read_as<RunHistory>(*answer)) history = std::move(*told);
  std::vector<std::string> out;
  std::string text = history.runs.empty() ? "" : history.runs.back().output.text;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

/// Nothing while it is still undecided.
std::optional<Done> readiness(const Row& row, std::uint64_t run) {
  const Status& s = row.status;
  if (s.ready && s.state == State::running) return Done{};
  if (run != 0 && s.run > run) return Done{did_not_become_ready(s)};  // another was tried meanwhile
  if (s.state == State::backoff || !has_keeper(s.state)) return Done{did_not_become_ready(s)};
  if (!row.keeper_lives) return Done{Error{Reason::failed, "", "its keeper was killed meanwhile", 0}};
  return std::nullopt;
}

void await_ready(const Home& home, std::vector<Outcome>& outcomes, const Deadline& deadline) {
  std::set<AppId> pending;
  for (const Outcome& one : outcomes)
    if (one.code == exit_code::done) pending.insert(one.id);
  auto settle = [&](const AppId& id, const Done& done) {
    pending.erase(id);
    for (Outcome& one : outcomes)
      if (one.id == id && !done) {
        one = Outcome::failed(id, done.error());
        if (done.error().reason == Reason::failed) one.details = last_words(home, id);
      }
  };
  auto run_of = [&](const AppId& id) {
    auto it =
        std::find_if(outcomes.begin(), outcomes.end(), [&](const Outcome& one) { return one.id == id; });
    return it == outcomes.end() ? 0 : it->run;
  };
  while (!pending.empty()) {
    for (const Row& row : look_again(home, pending, deadline))
      if (auto done = readiness(row, run_of(row.id))) settle(row.id, *done);
    if (deadline.passed())
      for (const AppId& id : std::set<AppId>(pending))
        settle(id, Done{late("it goes on starting")});
    if (!pending.empty()) usleep(kReadyStep);
  }
}

}  // namespace

bool is_deaf(const Row& row) {
  return row.keeper_lives && !row.answered;
}

bool is_orphan(const Row& row) {
  return !row.keeper_lives && row.status.state == State::unreachable && row.status.pid;
}

Error deaf(const Row& row) {
  const Status& s = row.status;
  std::string why = s.reason && !s.reason->empty() ? *s.reason : "its keeper does not answer";
  if (s.keeper_pid) {
    std::string pid = std::to_string(*s.keeper_pid);
    why += "; 'kill -CONT " + pid + "' wakes it if it is suspended, after 'kill -KILL " + pid +
           "' 'ctl stop " + row.id.stem() + "' ends the program";
  }
  return {Reason::unreachable, "", why, 0};
}

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

std::vector<Outcome> restart_apps(const Home& home, const std::vector<Row>& rows, bool until_ready,
                                  const Deadline& deadline) {
  std::vector<Outcome> out;
  std::vector<Row> kept = rows;
  Answers answers = ask(home, kept, RestartRun{}, deadline);
  for (std::size_t i = 0; i < kept.size(); ++i)
    out.push_back(restart_outcome(kept[i], answers[i]));
  if (until_ready) await_ready(home, out, deadline);
  return out;
}

std::vector<Outcome> signal_apps(const Home& home, const std::vector<Row>& rows, const std::string& signal,
                                 const Deadline& deadline) {
  std::vector<Outcome> out;
  std::vector<Row> kept = rows;
  SignalRun request;
  request.signal = signal;
  Answers answers = ask(home, kept, request, deadline);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const AppId& id = kept[i].id;
    auto reply = reply_of<SignalRun>(id, answers[i]);
    out.push_back(reply ? Outcome::done(id, "sent " + signal + " to " + id.stem() + " (pid " +
                                                std::to_string(reply->pid) + ")")
                        : Outcome::failed(id, reply.error()));
  }
  return out;
}

}  // namespace keeper
