// Calls many keepers at once: all sockets at the same time, with the same deadline, so a keeper that hangs
// costs one row and never the list. Apps without a keeper come from their records.
#pragma once
#include <functional>
#include <type_traits>
#include <vector>

#include "protocol/store/home.hpp"
#include "protocol/wire/codec.hpp"

namespace keeper {

/// One request to one keeper, on a connection of its own.
struct Call {
  AppId id;
  std::string line;     ///< as call_to() makes it
  std::string doing{};  ///< begins the text of an error: "stop api"
  /// Repeated if the keeper dies meanwhile and a successor takes over; it takes effect once all the same.
  bool again = true;
};
inline constexpr std::uint64_t kCallId = 1;

template <class M>
Call call_to(const AppId& id, const M& request) {
  Call out{id, request_line(kCallId, request, Last::yes)};
  out.again = !std::is_same_v<M, SignalRun> && !std::is_same_v<M, SendMessage>;
  return out;
}

/// Sends every call and waits for the replies until the deadline (negative: without end). Returns, in order,
/// the result of each call as JSON text (read_as) or an error: timeout, unreachable, not_found (no socket),
/// refused, or the keeper's. A keeper that is replaced meanwhile is asked again. Opens as many connections at
/// a time as there are descriptors (raises the soft limit first), 500 at most.
std::vector<Result<std::string>> call_all(const Home& home, const std::vector<Call>& calls, Millis wait,
                                          Home::Listed listed = Home::Listed::no);

/// One app (one instance of it), as far as it is known.
struct Row {
  AppId id;
  Status status;
  std::string json;           ///< the reply as received, with a newer keeper's members; empty without one
  bool answered = false;      ///< its keeper did, in time
  bool keeper_lives = false;  ///< its lock is held: by its keeper, else by a command that ends the app
  Reason failure = Reason::failed;  ///< why it did not answer
};

/// Returns every app of the home that `wanted` accepts, sorted by name and instance. An app is `unreachable`
/// if its keeper does not answer within `wait`, or if its program outlives its killed keeper (then
/// keeper_lives is false and status.pid is the program). A stale socket whose lock is free is ignored: the
/// row comes from the record. It comes from the record too while a command ends such a program; the state is
/// `stopping` then. No row names a process that has ended. Reading::text keeps the statuses of keepers as the
/// received text (`json`). An app without a readable record is `exited`, with the reason, or `unreachable` if
/// its program lives, which is found by its processes (find_run.hpp).
enum class Reading { values, text };
std::vector<Row> look_at_fleet(const Home& home, Millis wait, const std::function<bool(const AppId&)>& wanted,
                               Reading reading = Reading::values);

}  // namespace keeper
