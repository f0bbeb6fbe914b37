// Machine: every decision of one keeper, without a clock, a process or a file. It is told events and answers
// with actions: machine.step(event, now). What it waits for is one number, deadline(); a Tick belongs there.
//
// What is wanted (up, down) is kept apart from what is. Users and the restart policy change what is wanted;
// at the end of each step settle() closes the gap as far as it can be closed now. So the latest wish wins,
// whatever is going on.
//
// What is, are lives in three places:
//
//   serving   the run that counts: what a status shows
//   incoming  a reload's new run, beside the serving one until it is confirmed (and its trial is over, where
//             the reload asks for one: the canary) and takes its place
//   leaving   runs that are being ended, and what is left of the tree of runs that ended by themselves
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
// was refused (it runs as another user now), or KILL did not help within kill_timeout. That is announced at
// once, no time is waited for any more, and what was asked of the keeper goes on when the life ends by
// itself; who asks again has it tried again. While anything is leaving nothing is spawned: two copies of a
// program never meet by accident. In a reload they are meant to: incoming starts beside serving, and the old
// one leaves beside the new one.
//
//   wanted  serving  next   what it is
//   up      yes      -      starting, running or suspended
//   up      no       yes    backoff, or stopping while something is still leaving
//   up      no       no     a run that was not ready in time, or hung, is being ended, and the rest is
//   decided
//                           then; or none was needed yet (Await)
//   then down    no       -      stopping; when nothing is left: Leave
//
// An unasked end is judged when it happens (restart_policy.hpp): another run, or wanted is down and ends_as
// says whether that is exited or fatal. The pause before the next run begins at the end of the last one, not
// when its tree is empty. A stop is never followed by a restart, only by a later Start, Restart or Reload.
// Each reload is answered by one `reloaded` or `reload_failed`; reloads that wait together for the same run
// are answered together.
//
// A run is confirmed when each condition of readiness has been shown, once; the time that start_secs needs is
// one of them. The policy says how many there are. A confirmed run with a watchdog has to go on giving signs
// of life: one that is silent for too long is ended by ABRT, so that it may leave a core, and judged as a
// crash. The clocks of a suspended run stand still.
//
// When the program's file changes, a new run is started once the file has been quiet for a second, whatever
// state the old one is in: nobody has to ask, and earlier failures are those of another program.
//
// Every event has an answer in every state; one that makes no sense there, or is about a run that is unknown
// or long gone, changes nothing. A deadline stands in the phase that waits for it and is forgotten with it.
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
  /// Goes on where another machine was. A snapshot that has nothing but next_run begins anew with that run.
  Machine(Policy policy, Snapshot snapshot) : policy_(std::move(policy)), s_(std::move(snapshot)) {}

  /// What is to be done about an event. `now` is at least what it was in the step before. After Leave:
  /// nothing.
  std::vector<Action> step(const Event& event, Time now);
  /// When it needs a Tick; nothing while only an event can change anything. A Tick at that time moves it on.
  std::optional<Time> deadline() const;
  const Snapshot& snapshot() const { return s_; }
  const Policy& policy() const { return policy_; }
  /// From now on, for all lives.
  void set_policy(Policy policy) { policy_ = std::move(policy); }

  State state() const;
  /// The current run is confirmed.
  bool ready() const { return s_.serving && s_.serving->phase == Phase::confirmed; }
  Wanted wanted() const { return s_.wanted; }
  bool finished() const { return s_.finished; }
  /// The current or else the last run; 0 before the first.
  RunId run() const;
  /// Of the current run's main process; nothing when there is none.
  std::optional<int> pid() const;
  std::uint64_t restarts() const { return s_.restarts; }
  /// It is up without a run, until one is asked for.
  bool awaits() const { return s_.awaits; }
  /// When it starts the next run by itself, if it waits for that.
  std::optional<Time> next_start() const;
  const std::optional<LastEnd>& last_end() const { return s_.last_end; }
  /// Conditions of readiness that the current run has not shown, as they were given.
  std::vector<std::string> waiting_for(const Readiness& ready) const;
  /// Whether a run has shown that one (of Readiness::events).
  bool has_shown(RunId run, int condition) const;
  /// Why the last spawn failed; empty if it did not.
  const std::string& spawn_error() const { return s_.spawn_error; }
  /// Why a run cannot be ended; empty while none is stuck.
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

  // What is wanted
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

  // What follows an end
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
  Time now_{0};                  ///< of the step in hand
  std::vector<Action> actions_;  ///< of the step in hand
};

}  // namespace keeper
