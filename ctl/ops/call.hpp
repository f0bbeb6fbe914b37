// Asks the keepers of apps that were chosen, all at the same time, each about the run that was seen.
#pragma once
#include <functional>
#include <optional>
#include <set>
#include <type_traits>
#include <vector>

#include "protocol/client/deadline.hpp"
#include "protocol/client/fleet.hpp"

namespace keeper {

using Answer = Result<std::string>;
using Answers = std::vector<Answer>;

/// How long a keeper may take to say what it keeps, where nobody said how long.
inline constexpr Millis kLook{2000};

/// Rows as they are now. An app that is gone altogether has none.
std::vector<Row> look_again(const Home& home, const std::set<AppId>& ids, const Deadline& deadline);

/// Where another run had begun since we looked, we look again (the rows are brought up to date) and ask once
/// more. `call_for`: what a row as it is now is asked; nothing: it is left with its first answer.
void ask_again(const Home& home, std::vector<Row>& rows, Answers& answers, const Deadline& deadline,
               const std::function<std::optional<Call>(const Row&)>& call_for);

/// Asks every keeper at once, and once more of another run: for stop and restart about any run, or one that
/// ends all the time could not be stopped.
template <class M>
Answers ask(const Home& home, std::vector<Row>& rows, const M& request, const Deadline& deadline) {
  std::vector<Call> calls;
  for (const Row& row : rows) {
    M about = request;
    about.run = row.status.run;
    calls.push_back(call_to(row.id, about));
  }
  Answers answers = call_all(home, calls, deadline.left());
  constexpr bool once = std::is_same_v<M, SignalRun> || std::is_same_v<M, SendMessage>;
  ask_again(home, rows, answers, deadline, [&](const Row& fresh) -> std::optional<Call> {
    M again = request;
    if (once) again.run = fresh.status.run;
    return call_to(fresh.id, again);
  });
  return answers;
}

/// What is left to say of an error in an answer. A keeper that was there when we looked, and is not now, is
/// not_running. `doing` is taken off the text, which ours will begin with: once is enough.
Error error_in(const Error& answer, const std::string& doing);

template <class M>
Result<typename M::Reply> reply_of(const AppId& id, const Answer& answer) {
  if (!answer) return error_in(answer.error(), "cannot " + std::string(M::method) + " " + id.stem() + ": ");
  return read_as<typename M::Reply>(*answer);
}

Error late(const char* what_goes_on);

}  // namespace keeper
