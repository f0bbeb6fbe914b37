// Decides what follows the unrequested end of a run: another one, at once or after a pause, or none.
//
// Two limits lead to `fatal`. start_retries counts consecutive failed starts: the run ended before it was
// confirmed, could not be spawned, or was not ready in time. max_restarts counts restarts, whatever the runs
// before them did, within restart_window or altogether. Even without backoff a short pause follows an attempt
// that could not be spawned.
#pragma once
#include <string>
#include <vector>

#include "keeper/core/backoff.hpp"
#include "keeper/core/life.hpp"
#include "keeper/core/policy.hpp"
#include "protocol/wire/status.hpp"

namespace keeper {

/// Restarts at about the same time.
struct RestartMark {
  Time at{0};
  int count = 0;
  bool operator==(const RestartMark&) const = default;
};

struct RestartMemory {
  int failed_starts = 0;           ///< in a row
  int restarts = 0;                ///< in all; counted if there is a limit without a window
  std::vector<RestartMark> marks;  ///< within the window, oldest first; about 64 at most, whatever the limit
  BackoffMemory backoff;
  bool operator==(const RestartMemory&) const = default;
};

/// The end of a run, or of the attempt to start one.
struct Ending {
  enum class How {
    exited,
    failed,  ///< we ended it: it was not ready in time, or hung
    not_spawned,
  };
  How how = How::exited;
  ExitInfo exit{};         ///< of How::exited
  bool confirmed = false;  ///< it had been
  Millis lived{0};
  bool hopeless = false;       ///< of How::not_spawned: it never worked and never will
  bool out_of_memory = false;  ///< of How::exited: the kernel killed it, so the exit is not its own result
  std::string text{};          ///< of the other two: the fault
};

struct Verdict {
  State state = State::backoff;  ///< backoff: start again after `delay`, which may be 0; else exited or fatal
  Millis delay{0};
  std::string reason{};  ///< why it is exited or fatal
};

/// Decides, and counts the decision.
Verdict judge(const Policy& policy, RestartMemory& memory, const Ending& ending, Time now);

/// A run was confirmed: earlier failed starts do not count any more.
void note_confirmed(RestartMemory& memory);
/// A run ended by itself: one that was confirmed and lasted 10 s makes the backoff begin again.
void note_end(RestartMemory& memory, bool confirmed, Millis lived);
/// A user requested a new beginning.
void forget_failures(RestartMemory& memory);

}  // namespace keeper
