// Events: the inputs of a machine. A new one does not compile until the machine has an answer to it.
#pragma once
#include <string>
#include <variant>

#include "keeper/core/life.hpp"

namespace keeper {

/// The originator of a start.
enum class By {
  user,
  keeper,  ///< a rule of its own; such a start counts as unrequested
};

namespace event {

/// Be up. While up: continue, or stop waiting for the next start.
struct Start {
  By by = By::user;
};
/// Be up, but without a run until one is requested (Start, Restart or Reload): the first connection does
/// that.
struct Await {};
/// Be down: end by the stop signals, then KILL.
struct Stop {
  Cause cause = Cause::stop;  ///< or scale: other instances stay
};
/// Be down at once: KILL for the whole tree.
struct StopNow {};
/// Be up with a new run, and forget earlier failures.
struct Restart {};
/// Be up with a new run that is confirmed, and then lives for `canary`, before the old one ends.
struct Reload {
  Millis canary{0};
};

struct SpawnSucceeded {
  RunId run = 0;
  int pid = 0;
};
struct SpawnFailed {
  RunId run = 0;
  bool permanent = false;  ///< the same spawn would fail again: no such program, not EAGAIN or ENOMEM
  std::string text;        ///< "exec /srv/api: No such file or directory"
};
/// One of the conditions holds that the policy requires (0 to Policy::ready_events - 1).
struct Ready {
  RunId run = 0;
  int condition = 0;
};
/// The conditions that are not met yet, as text, for the reason of a start that takes too long.
struct Unshown {
  RunId run = 0;
  std::string text;  ///< "http:80 answered 500, notify: no READY=1 has come"
};
/// The program needs so much longer, from now on, for its start or its end (sd_notify(3),
/// EXTEND_TIMEOUT_USEC).
struct Extend {
  RunId run = 0;
  Millis by{0};
};
/// A sign of life, for the watchdog (WATCHDOG=1).
struct Alive {
  RunId run = 0;
};
/// The new interval of its watchdog (WATCHDOG_USEC).
struct Watchdog {
  RunId run = 0;
  Millis every{0};
};
/// The program reports that it hangs (WATCHDOG=trigger).
struct Hangs {
  RunId run = 0;
};
/// The program reports that it is ending by itself (STOPPING=1): it gets the time of a requested stop instead
/// of its watchdog's interval.
struct EndsItself {
  RunId run = 0;
};
/// Another process of its tree is the main one now (MAINPID); the end of the former one means nothing.
struct MainMoved {
  RunId run = 0;
  int pid = 0;
};
/// The program's file was replaced, or is being written.
struct ProgramChanged {};
/// The main process ended. A second report of the same run changes nothing.
struct Exited {
  RunId run = 0;
  ExitInfo exit;
  bool leftovers = false;      ///< other processes of its tree live
  bool out_of_memory = false;  ///< the kernel ended it for want of memory
};
/// After Exited with leftovers: all of them have ended.
struct TreeEmpty {
  RunId run = 0;
};
/// A signal to end the run was refused: to its main process, while that lives, and then no process was sent
/// it; else to some of the remaining processes.
struct Refused {
  RunId run = 0;
  std::string text;  ///< "not permitted: pid 4711 runs as root"
};
/// The main process was stopped by a signal (SIGSTOP, SIGTSTP).
struct Suspended {
  RunId run = 0;
};
struct Continued {
  RunId run = 0;
};
/// A user requests that this signal is sent to the main process.
struct UserSignal {
  RunId run = 0;
  int signal = 0;
};
/// Machine::deadline() has come. Harmless at any other time.
struct Tick {};

}  // namespace event

using Event =
    std::variant<event::Start, event::Await, event::Stop, event::StopNow, event::Restart, event::Reload,
                 event::SpawnSucceeded, event::SpawnFailed, event::Ready, event::Unshown, event::Extend,
                 event::Alive, event::Watchdog, event::Hangs, event::EndsItself, event::MainMoved,
                 event::ProgramChanged, event::Exited, event::TreeEmpty, event::Suspended, event::Continued,
                 event::Refused, event::UserSignal, event::Tick>;

}  // namespace keeper
