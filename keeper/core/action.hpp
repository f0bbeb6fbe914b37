// Actions: everything that a machine asks for, as values, in the order in which it is to be done.
#pragma once
#include <string>
#include <variant>

#include "keeper/core/life.hpp"
#include "protocol/wire/status.hpp"

namespace keeper {

/// Who gets a signal.
enum class Scope {
  process,  ///< the main process
  group,    ///< its process group
  tree,     ///< everything of the run
  rest,     ///< what is left of the tree outside the group, which has had its signal already
};
template <>
inline constexpr std::array<WordOf<Scope>, 4> kWordsOf<Scope>{
    {{Scope::process, "process"}, {Scope::group, "group"}, {Scope::tree, "tree"}, {Scope::rest, "rest"}}};

namespace action {
/// What is told to people, logs and subscribers.
enum class What {
  started,        ///< pid; cause: what overtook the time that was decided, restart or changed
  confirmed,      ///< it is known to work
  exited,         ///< exit, cause, lived
  stopping,       ///< cause; the run is being ended
  killing,        ///< text: why KILL comes now: it did not heed its stop signals, or is to end at once
  stopped,        ///< nothing is left, as asked; Leave follows
  backoff,        ///< until; text: why not at once
  spawn_failed,   ///< text; cause as of started
  fatal,          ///< text; Leave follows when nothing is left
  cleared,        ///< lived: so long after its main process nothing is left of the run
  refused,        ///< text: why it cannot be ended
  survivors,      ///< text; processes of the run outlived KILL
  reload_failed,  ///< text; run is 0 where the new run was not spawned yet
  reloaded,       ///< the new run is confirmed
  suspended,
  continued,
  main_moved,  ///< pid
};
}  // namespace action
template <>
inline constexpr std::array<WordOf<action::What>, 17> kWordsOf<action::What>{
    {{action::What::started, "started"},
     {action::What::confirmed, "confirmed"},
     {action::What::exited, "exited"},
     {action::What::stopping, "stopping"},
     {action::What::killing, "killing"},
     {action::What::stopped, "stopped"},
     {action::What::backoff, "backoff"},
     {action::What::spawn_failed, "spawn_failed"},
     {action::What::fatal, "fatal"},
     {action::What::cleared, "cleared"},
     {action::What::refused, "refused"},
     {action::What::survivors, "survivors"},
     {action::What::reload_failed, "reload_failed"},
     {action::What::reloaded, "reloaded"},
     {action::What::suspended, "suspended"},
     {action::What::continued, "continued"},
     {action::What::main_moved, "main_moved"}}};

namespace action {

/// To be answered by exactly one SpawnSucceeded or SpawnFailed.
struct Spawn {
  RunId run = 0;
  bool operator==(const Spawn&) const = default;
};
struct Signal {
  static constexpr int stop_message = 0;    ///< no signal: the message that asks it to stop, to the process
  static constexpr int leave_cluster = -1;  ///< no signal: node's message that asks a worker to leave
  RunId run = 0;
  int signal = 0;
  Scope scope = Scope::process;
  bool operator==(const Signal&) const = default;
};
/// Which fields mean something is said at What.
struct Announce {
  What what = What::started;
  RunId run = 0;
  int pid = 0;
  std::optional<ExitInfo> exit{};
  std::optional<Cause> cause{};
  Millis lived{0};
  std::optional<Time> until{};
  std::string text{};
  bool operator==(const Announce&) const = default;
};
/// The machine is finished and answers nothing any more: write the record (stopped, exited or fatal) and end.
struct Leave {
  State state = State::stopped;
  bool operator==(const Leave&) const = default;
};

}  // namespace action

using Action = std::variant<action::Spawn, action::Signal, action::Announce, action::Leave>;

}  // namespace keeper
