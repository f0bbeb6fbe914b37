// Many keepers at once: every socket is asked at the same time, all with the same deadline, so one that hangs
// costs a row and never the list. Apps without a keeper come from their records.
#pragma once
#include <functional>
#include <type_traits>
#include <vector>

#include "protocol/home/home.hpp"
#include "protocol/wire/codec.hpp"

namespace keeper {

/// One request to one keeper, on a connection of its own.
struct Call {
  AppId id;
  std::string line;     ///< as call_to makes it
  std::string doing{};  ///< begins the text of an error: "stop api"
  /// Asked again where the keeper dies over it and another takes its place: it acts once all the same.
  bool again = true;
};
inline constexpr std::uint64_t kCallId = 1;

template <class M>
Call call_to(const AppId& id, const M& request) {
  Call out{id, request_line(kCallId, request, Last::yes)};
  out.again = !std::is_same_v<M, SignalRun> && !std::is_same_v<M, SendMessage>;
  return out;
}

/// Sends every call and waits for the replies until the deadline (negative: for ever). For each call, in
/// order: its result as JSON text (read_as), or an error: timeout, unreachable, not_found (no socket),
/// refused, or the keeper's. A keeper that is replaced by another meanwhile is asked again. As many at a time
/// as descriptors can be had (the soft limit is raised first), 500 at most.
std::vector<Result<std::string>> call_all(const Home& home, const std::vector<Call>& calls, Millis wait,
                                          Home::Listed listed = Home::Listed::no);

/// One app (one instance of it), as far as it is known.
struct Row {
  AppId id;
  Status status;
  std::string json;       ///< the answer as it came, with what a newer keeper may say more; empty without one
  bool answered = false;  ///< its keeper did, in time
  bool keeper_lives = false;        ///< somebody holds its lock: its keeper, else a command that ends it
  Reason failure = Reason::failed;  ///< why it did not answer
};

/// Every app of the home that `wanted` accepts, sorted by name and instance. A keeper that does not answer
/// within `wait` is `unreachable`; so is an app whose program runs on though its keeper was killed (then
/// keeper_lives is false and status.pid is that program). A socket that nobody answers and whose lock is free
/// is passed over: the row comes from the record, and so it does while a command ends such a program; then
/// the state is `stopping`. A row names no process that is not there any more. Reading::text leaves the
/// statuses of keepers that answered as the text that they sent (`json`). An app of which no record can be
/// read is `exited`, with the reason; if its program lives it is `unreachable`, found by its processes
/// (find_run.hpp).
enum class Reading { values, text };
std::vector<Row> look_at_fleet(const Home& home, Millis wait, const std::function<bool(const AppId&)>& wanted,
                               Reading reading = Reading::values);

}  // namespace keeper
