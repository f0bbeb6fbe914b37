// Life: the machine's knowledge of one run, from the order to spawn it until nothing of it is left.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "protocol/base/units.hpp"
#include "protocol/base/words.hpp"
#include "protocol/wire/exit.hpp"

namespace keeper {

/// One per spawn, never reused. Every event and action of a run carries it, so news of an earlier run is
/// never taken for news of this one.
using RunId = std::uint64_t;
/// A point of a clock that never goes back, whatever its origin. Always passed in, never read here.
using Time = Millis;

/// Why a run ended, for people.
enum class Cause {
  crash,
  exit,
  stop,
  restart,
  reload,
  ready_timeout,
  watchdog,
  changed,
  out_of_memory,
  scale
};
template <>
inline constexpr std::array<WordOf<Cause>, 10> kWordsOf<Cause>{{{Cause::crash, "crash"},
                                                                {Cause::exit, "exit"},
                                                                {Cause::stop, "stop"},
                                                                {Cause::restart, "restart"},
                                                                {Cause::reload, "reload"},
                                                                {Cause::ready_timeout, "ready timeout"},
                                                                {Cause::watchdog, "watchdog"},
                                                                {Cause::changed, "program changed"},
                                                                {Cause::out_of_memory, "out of memory"},
                                                                {Cause::scale, "scale"}}};

enum class Phase {
  spawning,   ///< ordered; the outcome is unknown
  starting,   ///< alive, waits for its confirmation
  confirmed,  ///< alive and known to work; with a watchdog it must keep reporting
  stopping,   ///< alive, was sent stop signal number `step`
  clearing,   ///< the main process is gone; the rest of its tree was asked to end
  killing,    ///< the whole tree was sent KILL
};
template <>
inline constexpr std::array<WordOf<Phase>, 6> kWordsOf<Phase>{{{Phase::spawning, "spawning"},
                                                               {Phase::starting, "starting"},
                                                               {Phase::confirmed, "confirmed"},
                                                               {Phase::stopping, "stopping"},
                                                               {Phase::clearing, "clearing"},
                                                               {Phase::killing, "killing"}}};

/// A deadline that can be suspended, and resumed with the time that remained.
struct Clock {
  std::optional<Time> at;      ///< when it expires
  std::optional<Millis> held;  ///< the remaining time, while it is suspended
  void set(Millis wait, Time now, bool stands);
  void stop(Time now);
  void go_on(Time now);
  bool due(Time now) const { return at && *at <= now; }
  bool operator==(const Clock&) const = default;
};

struct Life {
  RunId run = 0;
  int pid = 0;  ///< of its main process; 0 until the spawn succeeded
  Phase phase = Phase::spawning;
  Time since{0};                   ///< when the spawn succeeded
  Time step_since{0};              ///< of `stopping`: when its stop signal was sent
  Clock until;                     ///< when this phase expires; forgotten when the phase ends
  Clock secs;                      ///< of `starting`: when it has lived for start_secs
  Clock trial;                     ///< of a reload's `confirmed` run: when it replaces the old one
  Millis canary{0};                ///< how long that trial is
  std::uint32_t shown = 0;         ///< which conditions of readiness hold, a bit each (Policy)
  std::string unshown;             ///< the missing conditions, as text
  std::optional<Millis> watchdog;  ///< the program's own interval, instead of the policy's
  int step = 0;                    ///< of `stopping`: index into the stop signals
  bool suspended = false;          ///< stopped by a signal (SIGSTOP), not ended
  bool at_once = false;            ///< ends by KILL, without a stop signal first
  bool for_reload = false;         ///< a reload waits for the result of this start
  std::optional<Cause> begun_by;   ///< restart or changed: the reason for its start
  std::optional<Cause> ending;     ///< why it is being ended; nothing while it is not
  std::optional<ExitInfo> exit;    ///< of its main process, once that is gone
  Time ended{0};                   ///< when that was
  std::string stuck{};             ///< why it cannot be ended; empty while it can

  /// Its main process can be sent a signal.
  bool alive() const { return pid != 0 && !exit; }
  /// Returns whether it, or the rest of it, was sent the signal that ends it.
  bool ending_now() const {
    return phase == Phase::stopping || phase == Phase::clearing || phase == Phase::killing;
  }
  bool operator==(const Life&) const = default;
};

}  // namespace keeper
