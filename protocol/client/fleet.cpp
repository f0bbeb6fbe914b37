#include "protocol/client/fleet.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "protocol/base/fd.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/client/question.hpp"
#include "protocol/client/steps.hpp"
#include "protocol/store/find_run.hpp"
#include "protocol/store/run_signs.hpp"
#include "protocol/wire/exit.hpp"

namespace keeper {
namespace {

constexpr std::size_t kAtATime = 500;
constexpr int kTriesMore = 100;
constexpr Millis kQuiet{50};  // without any answer; then ctl connects to the others
constexpr rlim_t kOwnDescriptors = 32;
constexpr Millis kBetweenStates{250};  // a keeper holds its lock before its socket, and a moment longer

/// Returns how many sockets may be open at once. Raises the soft limit only if `wanted` needs it: programs
/// that are started from here would inherit it.
std::size_t room_for_sockets(std::size_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return 64;
  wanted = std::min(wanted, kAtATime);
  if (limit.rlim_cur < wanted + kOwnDescriptors && limit.rlim_cur < limit.rlim_max) {
    rlimit raised{std::min<rlim_t>(limit.rlim_max, wanted + kOwnDescriptors), limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  if (limit.rlim_cur <= kOwnDescriptors + 1) return 1;
  return std::min<std::size_t>(limit.rlim_cur - kOwnDescriptors, kAtATime);
}

/// A call in progress.
struct Open {
  std::size_t index;
  Fd socket;
  std::string_view unsent;
};

using Answers = std::vector<Result<std::string>>;

/// Connects to the keepers of calls[from] to calls[to - 1] and sends the requests.
std::vector<Open> ask(const Home& home, const std::vector<Call>& calls, std::size_t from, std::size_t to,
                      Home::Listed listed, Answers& answers) {
  std::vector<Open> open;
  open.reserve(to - from);
  for (std::size_t i = from; i < to; ++i) {
    auto socket = home.connect_socket(calls[i].id.stem(), listed);
    if (!socket) {
      answers[i] = Error{socket.error().reason, calls[i].doing, socket.error().why(), 0};
      continue;
    }
    Open one{i, std::move(*socket), calls[i].line};
    // Connecting wakes the keeper, which then waits for the request: send before anything else.
    Done done = send_some(one.socket.get(), one.unsent, calls[i].doing);
    if (listed == Home::Listed::yes && done) done = home.check_listener(one.socket.get(), calls[i].doing);
    if (done || done.error().reason == Reason::unreachable)  // then the call is tried again
      open.push_back(std::move(one));
    else
      answers[i] = done.error();
  }
  return open;
}

Result<std::string> finish(Open& open, const Call& call, const Deadline& deadline) {
  LineBuffer lines(kMostReply);
  return finish_exchange(open.socket.get(), open.unsent, lines, kCallId, deadline, call.doing);
}

/// The keeper died after it had received the request.
bool lost(const Result<std::string>& answer) {
  return !answer && answer.error().reason == Reason::unreachable;
}

/// Performs one batch of calls at the same time, and waits for them one after the other: a reply that comes
/// meanwhile is kept by its socket, so few waits serve for all.
void call_batch(const Home& home, const std::vector<Call>& calls, std::size_t from, std::size_t to,
                const Deadline& deadline, Home::Listed listed, Answers& answers) {
  for (Open& open : ask(home, calls, from, to, listed, answers)) {
    answers[open.index] = finish(open, calls[open.index], deadline);
    open.socket.reset();
    for (int more = kTriesMore; more > 0 && lost(answers[open.index]) && calls[open.index].again; --more) {
      // A successor of the keeper has the same socket; a keeper that has left has none.
      std::vector<Open> next = ask(home, calls, open.index, open.index + 1, Home::Listed::no, answers);
      if (next.empty() || deadline.passed()) break;
      answers[open.index] = finish(next.front(), calls[open.index], deadline);
    }
  }
}

/// Corrects the parts of a record that are out of date for an app without a keeper.
void settle_record(Status& s, const std::string& boot) {
  if (!has_keeper(s.state)) return;
  s.keeper_pid.reset();
  s.uptime_ms.reset();
  s.next.reset();
  s.ready = false;
  if (still_runs(s)) {
    s.state = State::unreachable;
    s.reason = "its keeper was killed; the program runs on";
    return;
  }
  s.state = State::exited;
  s.reason = s.boot_id == boot ? "keeper lost" : "reboot";
  s.last_exit = LastExit{ExitInfo::unknown(), std::nullopt, 0, *s.reason, s.pid};
  s.pid.reset();
  s.pid_start.reset();
}

/// Removes pids that the system may have given to other processes meanwhile.
void forget_the_dead(Status& s, const Home& home, const std::string& stem) {
  if (!still_runs(s)) {
    s.pid.reset();
    s.pid_start.reset();
    s.uptime_ms.reset();
  }
  if (s.keeper_pid && !wrote_record(home, stem, s, *s.keeper_pid)) s.keeper_pid.reset();
  if (s.guard_pid && !wrote_record(home, stem, s, *s.guard_pid)) s.guard_pid.reset();
}

/// Completes the row of an app whose lock is held and whose keeper does not answer. A keeper that cannot
/// begin has recorded the reason.
void settle_held(const Home& home, Row& row, const std::string& why) {
  Status& s = row.status;
  const bool cannot_begin = s.state == State::unreachable && s.reason && s.reason->starts_with(kCannotBegin);
  forget_the_dead(s, home, row.id.stem());
  s.state = State::unreachable;
  bool nobody = row.failure == Reason::not_found || row.failure == Reason::unreachable;
  if (cannot_begin) return;
  if (nobody && !s.keeper_pid)
    s.reason = "its lock is held, by a keeper that is just starting or by a command that deletes the app";
  else
    s.reason = why.empty() ? "its keeper does not answer" : why;
}

/// Returns whether a process may belong to the app although no record names it. A clean end removes the
/// socket and the pid file.
bool in_doubt(const Home& home, const Row& row, const Result<Status>& record, const std::string& boot) {
  const bool stale_socket = row.failure == Reason::unreachable;
  if (!record) return row.keeper_lives || stale_socket || has_records(home, row.id.stem());
  if (record->boot_id != boot || still_runs(*record)) return false;
  return has_keeper(record->state) || stale_socket || access(home.pid_path(row.id.stem()).c_str(), F_OK) == 0;
}

/// Fills in the row from the readable records. `records`: the app has records.
void fill_from(Row& row, const Result<Status>& record, const Result<Spec>& spec, bool records) {
  Status& s = row.status;
  if (record) {
    s = *record;
  } else if (spec) {
    s.cwd = spec->cwd;
    s.command = {spec->program};
    if (spec->one_of_several()) s.instance = row.id.instance;
  }
  s.name = row.id.name;
  const std::string why = record ? "" : unreadable_records(spec, record);
  if (record || (spec && why.empty()) || !records) return;
  if (row.id.instance != 0) s.instance = row.id.instance;
  s.state = State::exited;
  s.reason = why.empty() ? "its records are gone" : "not readable: " + why;
}

/// Fills in the row of an app whose keeper gave no usable answer. Returns whether the record says that no
/// keeper keeps it.
bool fill_from_record(const Home& home, Row& row, const std::string& boot, const std::string& why,
                      MarkedProcesses& processes) {
  std::string stem = row.id.stem();
  const auto record = home.read_status(stem);
  const Result<Spec> spec = record ? Result<Spec>(Error{}) : home.read_spec(stem);
  row.status = Status();
  fill_from(row, record, spec, !record && has_records(home, stem));
  const std::string unread = !record ? row.status.reason.value_or("") : "";
  if (in_doubt(home, row, record, boot)) {
    RunWish wish = wish_for(record ? home.read_spec(stem) : spec, record);
    wish.kept = row.keeper_lives;
    if (auto run = processes.main_of(row.id, wish))
      row.status = status_of_found(row.id, std::move(row.status), *run);
  }
  keep_the_living(row.status.left, row.status, boot);
  keep_the_living(row.status.survivors, row.status, boot);
  bool ended = !has_keeper(row.status.state);
  row.keeper_lives ? settle_held(home, row, why) : settle_record(row.status, boot);
  if (!unread.empty() && row.status.reason != unread) *row.status.reason += "; " + unread;
  return ended;
}

bool take_status(Row& row, Result<std::string>& answer, Reading reading) {
  if (!answer) return false;
  if (reading == Reading::values) {
    auto status = read_as<Status>(*answer);
    if (!status) return false;
    row.status = std::move(*status);
  }
  row.answered = row.keeper_lives = true;
  row.json = std::move(*answer);
  return true;
}

/// Makes a keeper that lives without a socket bind it again. It may not have noticed the loss: inotify
/// instances are limited.
void tell_that_its_socket_is_gone(const Home& home, const std::string& stem) {
  auto record = home.read_status(stem);
  if (!record || !record->keeper_pid || !home.locked(stem)) return;
  if (wrote_record(home, stem, *record, *record->keeper_pid)) kill(*record->keeper_pid, SIGUSR1);
}

/// Repeats the call if there is a lock and no socket: the keeper is just starting or leaving, which is over
/// within a moment. Otherwise something else is in the socket's place, and `error` is about that.
void ask_again(const Home& home, Row& row, Error& error, Millis wait, Reading reading) {
  Deadline deadline(std::min(wait, kBetweenStates));
  std::string stem = row.id.stem();
  if (error.reason == Reason::not_found) tell_that_its_socket_is_gone(home, stem);
  while (home.locked(stem) && !deadline.passed()) {
    usleep(2000);
    auto answer = call_all(home, {call_to(row.id, GetStatus{})}, wait);
    if (take_status(row, answer.front(), reading)) return;
    if (answer.front()) continue;
    Reason reason = answer.front().error().reason;
    if (reason == Reason::refused) error = answer.front().error();
    if (reason == Reason::refused || reason == Reason::timeout) return;
  }
  row.keeper_lives = home.locked(stem);
}

/// Completes the row of an app that did not answer. If the app has ended and its lock is held, reads the
/// record twice: the process that wrote it is about to release the lock.
void look_closer(const Home& home, Row& row, Error error, Millis wait, Reading reading,
                 const std::string& boot, MarkedProcesses& processes) {
  row.failure = error.reason;
  bool nobody = error.reason == Reason::not_found || error.reason == Reason::unreachable;
  for (int look = 0; look < 2; ++look) {
    if (nobody) ask_again(home, row, error, wait, reading);
    if (row.answered) return;
    row.failure = error.reason;
    if (!row.keeper_lives) row.keeper_lives = home.locked(row.id.stem());
    bool ended = fill_from_record(home, row, boot, error.why(), processes);
    if (!nobody || !row.keeper_lives || !ended) return;
  }
}

/// Returns the status of each app: by datagram if the keeper answers it, else by a call.
Answers ask_all(const Home& home, const std::vector<AppId>& ids, const std::vector<AppId>& asked,
                Millis wait) {
  const Deadline deadline(wait);
  auto quick = ask_by_datagram(home, asked, wait < Millis(0) ? kQuiet : std::min(wait / 2, kQuiet));
  Answers answers(ids.size(), std::string());
  std::vector<Call> calls;
  std::vector<std::size_t> places;
  auto next = asked.begin();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    next = std::lower_bound(next, asked.end(), ids[i]);
    if (next != asked.end() && *next == ids[i]) {
      if (auto& answer = quick[static_cast<std::size_t>(next - asked.begin())]) {
        answers[i] = std::move(*answer);
        continue;
      }
    }
    calls.push_back(call_to(ids[i], GetStatus{}));
    places.push_back(i);
  }
  Answers called = call_all(home, calls, wait < Millis(0) ? wait : deadline.left(), Home::Listed::yes);
  for (std::size_t i = 0; i < places.size(); ++i)
    answers[places[i]] = std::move(called[i]);
  return answers;
}

}  // namespace

std::vector<Result<std::string>> call_all(const Home& home, const std::vector<Call>& calls, Millis wait,
                                          Home::Listed listed) {
  Answers answers(calls.size(), std::string());
  std::size_t room = room_for_sockets(calls.size());
  for (std::size_t from = 0; from < calls.size(); from += room)
    call_batch(home, calls, from, std::min(from + room, calls.size()), Deadline(wait), listed, answers);
  return answers;
}

std::vector<Row> look_at_fleet(const Home& home, Millis wait, const std::function<bool(const AppId&)>& wanted,
                               Reading reading) {
  auto [ids, asked] = home.all_sockets();
  auto unwanted = [&](const AppId& id) { return !wanted(id); };
  std::erase_if(ids, unwanted);
  std::erase_if(asked, [&](const AppId& id) {
    return unwanted(id) || !std::binary_search(ids.begin(), ids.end(), id);
  });
  Answers answers = ask_all(home, ids, asked, wait);
  const std::size_t with_socket = ids.size();
  for (AppId& id : home.apps()) {
    if (!wanted(id) ||
        std::binary_search(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(with_socket), id))
      continue;
    ids.push_back(std::move(id));
    answers.emplace_back(Error{Reason::not_found, "", "", 0});
  }
  std::vector<Row> rows(ids.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows[i].id = std::move(ids[i]);
  std::string boot = boot_id();
  MarkedProcesses processes(home);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (take_status(rows[i], answers[i], reading)) continue;
    Error unreadable{Reason::invalid, "", "", 0};
    look_closer(home, rows[i], answers[i] ? unreadable : answers[i].error(), wait, reading, boot, processes);
  }
  // A stray directory or socket without any record is not an app.
  std::erase_if(rows, [](const Row& row) {
    return !row.answered && !row.keeper_lives && row.status.version.empty() && row.status.command.empty() &&
           !row.status.reason;
  });
  auto by_id = [](const Row& a, const Row& b) { return a.id < b.id; };
  if (!std::is_sorted(rows.begin(), rows.end(), by_id)) std::sort(rows.begin(), rows.end(), by_id);
  return rows;
}

}  // namespace keeper
