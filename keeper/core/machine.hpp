// Machine: every decision of one keeper, without a clock, a process or a file. It takes events and returns
// actions: machine.step(event, now). It waits for one time, deadline(), at which the caller sends a Tick.
//
// The wanted state (up, down) is kept apart from the actual state. Users and the restart policy change the
// wanted state; at the end of each step settle() closes the gap as far as possible now. So the latest request
// wins, in every state.
//
// The actual state is lives in three places:
//
//   serving   the current run, which a status shows
//   incoming  a reload's new run, beside the serving one until it is confirmed (and its trial is over, if
//             the reload requests one: the canary) and takes its place
//   leaving   runs that are being ended, and the remaining tree of runs that ended by themselves
//
//            spawned          confirmed
//   spawning ------> starting --------> confirmed        in serving or incoming
//       |               |                   |
//       |               +---------+---------+---- ended by itself, others of its tree live ---+
//       |                         | told to end                                               v
//       +-- told to end, and -> stopping ---- main process gone, others of its tree live -> clearing
//           then spawned          |                                                           |
//                                 +---------------> killing <---------------------------------+   in leaving
//
// A life leaves the table when nothing of it is left. A life that cannot be ended is stuck: a signal to it
// was refused (it runs as another user now), or KILL had no effect within kill_timeout. That is announced at
// once, no deadline is set any more, and the request is carried out when the life ends by itself; a repeated
// request tries again. While anything is leaving, nothing is spawned: two copies of a program never run at
// the same time by accident. In a reload they do so on purpose: incoming starts beside serving, and the old
// one leaves beside the new one.
//
//   wanted  serving  next   what it is
//   up      yes      -      starting, running or suspended
//   up      no       yes    backoff, or stopping while something is still leaving
//   up      no       no     a run that was not ready in time, or hung, is being ended, and its end decides
//                           the rest; or no run was needed yet (Await)
//   down    no       -      stopping; when nothing is left: Leave
//
// An unrequested end is judged when it happens (restart_policy.hpp): another run follows, or wanted is down
// and ends_as is exited or fatal. The pause before the next run begins at the end of the last one, not
// when its tree is empty. A stop is never followed by a restart, only by a later Start, Restart or Reload.
// Each reload is answered by one `reloaded` or `reload_failed`; reloads that wait together for the same run
// are answered together.
//
// A run is confirmed when each condition of readiness has been met once; the time of start_secs is one of
// them. The policy gives their number. A confirmed run with a watchdog must keep giving signs of life: a run
// that is silent for too long is ended by ABRT, so that it may leave a core, and judged as a crash. The
// clocks of a suspended run stand still.
//
// When the program's file changes, a new run is started once the file has been unchanged for a second, in
// every state of the old one: no request is needed, and earlier failures are those of another program.
//
// Every event has an answer in every state; an event that makes no sense there, or is about a run that is
// unknown or long gone, changes nothing. A deadline is part of its phase and is forgotten with it.
#pragma once
#include <vector>

#include "keeper/core/action.hpp"
#include "keeper/core/event.hpp"
#include "keeper/core/policy.hpp"
#include "keeper/core/snapshot.hpp"
#include "keeper/core/stop_plan.hpp"

namespace keeper {

class Machine {
 public:
  /// stuck() of a life that KILL did not end.
  static constexpr const char* kSurvived = "it survived KILL";

  explicit Machine(Policy policy) : policy_(std::move(policy)) {}
  /// Continues another machine. A snapshot with only next_run begins anew with that run.
  Machine(Policy policy, Snapshot snapshot) : policy_(std::move(policy)), s_(std::move(snapshot)) {}

  /// Returns the actions for an event. `now` is at least that of the step before. After Leave: none.
  std::vector<Action> step(const Event& event, Time now);
  /// Returns when it needs a Tick; nothing if only an event can change anything. A Tick then makes progress.
  std::optional<Time> deadline() const;
  const Snapshot& snapshot() const { return s_; }
  const Policy& policy() const { return policy_; }
  /// Applies to all lives from now on.
  void set_policy(Policy policy) { policy_ = std::move(policy); }

  State state() const;
  /// The current run is confirmed.
  bool ready() const { return s_.serving && s_.serving->phase == Phase::confirmed; }
  Wanted wanted() const { return s_.wanted; }
  bool finished() const { return s_.finished; }
  /// The current or else the last run; 0 before the first.
  RunId run() const;
  /// The pid of the current run's main process; nothing if there is none.
  std::optional<int> pid() const;
  std::uint64_t restarts() const { return s_.restarts; }
  /// It is up without a run until one is requested.
  bool awaits() const { return s_.awaits; }
  /// The time of its next start by itself, if one is planned.
  std::optional<Time> next_start() const;
  const std::optional<LastEnd>& last_end() const { return s_.last_end; }
  /// The conditions of readiness that the current run has not met, as given.
  std::vector<std::string> waiting_for(const Readiness& ready) const;
  /// Returns whether a run has met that one (of Readiness::events).
  bool has_shown(RunId run, int condition) const;
  /// Why the last spawn failed; empty if it did not.
  const std::string& spawn_error() const { return s_.spawn_error; }
  /// Why a run cannot be ended; empty if none is stuck.
  std::string stuck() const;
  /// Why it is exited or fatal; else empty.
  const std::string& reason() const { return s_.reason; }

 private:
  using Slot = std::optional<Life>;

  void on(const event::Start&);
  void on(const event::Await&);
  void on(const event::Stop&);
  void on(const event::StopNow&);
  void on(const event::Restart&);
  void on(const event::Reload&);
  void on(const event::SpawnSucceeded&);
  void on(const event::SpawnFailed&);
  void on(const event::Ready&);
  void on(const event::Unshown&);
  void on(const event::Extend&);
  void on(const event::Alive&);
  void on(const event::EndsItself&);
  void on(const event::Watchdog&);
  void on(const event::Hangs&);
  void on(const event::MainMoved&);
  void on(const event::ProgramChanged&);
  void on(const event::Exited&);
  void on(const event::TreeEmpty&);
  void on(const event::Suspended&);
  void on(const event::Continued&);
  void on(const event::Refused&);
  void on(const event::UserSignal&);
  void on(const event::Tick&);

  // The wanted state
  void want_up();
  void want_down(State ends_as, std::string reason);
  void begin_anew();
  void settle();
  void spawn(Slot& slot);
  void finish();

  // A start
  void begin_start(Life& life);
  void confirm(Life& life);
  void confirm_if_shown(Life& life);
  void confirm_if_due(RunId run);
  void accept(Life& life);
  void accept_if_due(RunId run);
  void hand_over();
  void watch(Life& life);
  void fail(RunId run, Cause cause);
  void start_changed();

  // An end
  void retire(Slot& slot, Cause cause, bool at_once = false);
  void begin_end(Life& life);
  void kill_all(Life& life, std::string why);
  void end_harder(Life& life);
  void kill(Life& life);
  void clear(Life life);
  void carry_out(Life& life, const StopStep& step);
  void send(RunId run, const StopStep& step);
  void give_up(Life& life);
  void get_stuck(Life& life, action::What what, std::string why);
  void try_again();
  void refuse_reload();
  void record_exit(const Life& life, bool served, bool confirmed, bool out_of_memory);

  // The consequences of an end
  bool another_takes_over();
  void decide(const Ending& ending, RunId run);
  void decide_after_failure(const Life& life);
  void fail_reload(Life& life, std::string why);

  // Finding lives
  Life* find(RunId run);
  Life* due();
  bool counts(const Life& life) const;
  void expire(Life& life);
  Life extract(RunId run);
  bool serves(RunId run) const { return s_.serving && s_.serving->run == run; }
  const Life* current() const;

  void announce(action::Announce what) { actions_.emplace_back(std::move(what)); }
  std::string failure_text(const Life& life) const;
  std::string why_reload_failed(const Life& life) const;

  Policy policy_;
  Snapshot s_;
  Time now_{0};                  ///< of the current step
  std::vector<Action> actions_;  ///< of the current step
};

}  // namespace keeper
