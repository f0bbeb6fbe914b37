// Actions: everything that a machine requests, as values, in the order of execution.
#pragma once
#include <string>
#include <variant>

#include "keeper/core/life.hpp"
#include "protocol/wire/status.hpp"

namespace keeper {

/// The receivers of a signal.
enum class Scope {
  process,  ///< the main process
  group,    ///< its process group
  tree,     ///< every process of the run
  rest,     ///< the rest of the tree outside the group, which has had its signal already
};
template <>
inline constexpr std::array<WordOf<Scope>, 4> kWordsOf<Scope>{
    {{Scope::process, "process"}, {Scope::group, "group"}, {Scope::tree, "tree"}, {Scope::rest, "rest"}}};

namespace action {
/// The announcements for people, logs and subscribers.
enum class What {
  started,        ///< pid; cause: what overtook the planned time, restart or changed
  confirmed,      ///< it is known to work
  exited,         ///< exit, cause, lived
  stopping,       ///< cause; the run is being ended
  killing,        ///< text: why KILL comes now: it ignored its stop signals, or must end at once
  stopped,        ///< nothing is left, as requested; Leave follows
  backoff,        ///< until; text: why not at once
  spawn_failed,   ///< text; cause as of started
  fatal,          ///< text; Leave follows when nothing is left
  cleared,        ///< lived: time from the end of its main process until nothing was left
  refused,        ///< text: why it cannot be ended
  survivors,      ///< text; processes of the run survived KILL
  reload_failed,  ///< text; run is 0 if the new run was not spawned yet
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

/// The caller answers with exactly one SpawnSucceeded or SpawnFailed.
struct Spawn {
  RunId run = 0;
  bool operator==(const Spawn&) const = default;
};
struct Signal {
  static constexpr int stop_message = 0;    ///< not a signal: the message that asks the process to stop
  static constexpr int leave_cluster = -1;  ///< not a signal: node's message that asks a worker to leave
  RunId run = 0;
  int signal = 0;
  Scope scope = Scope::process;
  bool operator==(const Signal&) const = default;
};
/// `What` says which fields have a meaning.
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
/// The machine is finished and answers no more events: write the record (stopped, exited or fatal) and end.
struct Leave {
  State state = State::stopped;
  bool operator==(const Leave&) const = default;
};

}  // namespace action

using Action = std::variant<action::Spawn, action::Signal, action::Announce, action::Leave>;

}  // namespace keeper
