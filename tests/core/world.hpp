// World: what a machine's actions would meet. It knows, in the simplest way there is, which runs live, and
// holds the machine to its promises after every step:
//
//   only the living are signalled            an instance is spawned once
//   machine and world agree on who lives     the deadline moves on
//   a stopped machine spawns nothing         there is one life at a time, but for a reload
//   Leave comes once, with nothing left      whoever is wanted up has a life or a deadline
//   every reload is answered                 a restored machine does what the first one does
#pragma once
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "keeper/core/describe.hpp"

namespace keeper {

/// Gives a number in [0, n).
using Pick = std::function<unsigned(unsigned n)>;

inline Policy any_policy(const Pick& pick) {
  Policy policy;
  const Millis waits[] = {Millis{0}, Millis{1}, Millis{500}, Millis{3'000}};
  policy.restart = std::array{Restart::always, Restart::always, Restart::on_failure, Restart::never}[pick(4)];
  policy.start_secs = waits[pick(4)];
  policy.restart_delay = waits[pick(2) * pick(4)];
  policy.stop_timeout = waits[pick(4)];
  policy.kill_timeout = waits[pick(4)];
  policy.ready_timeout = waits[pick(4)];
  policy.ready_events = pick(3) == 0 ? static_cast<int>(1 + pick(3)) : 0;
  policy.ready_secs = policy.ready_events == 0 || pick(3) == 0;
  policy.kill_mode = std::array{KillMode::group, KillMode::mixed, KillMode::process, KillMode::tree}[pick(4)];
  if (pick(3) == 0) policy.watchdog = Millis{1 + 700 * pick(4)};
  policy.backoff =
      std::array{Backoff{}, Backoff{Millis{0}, Millis{0}}, Backoff{Millis{0}, Millis{9}}}[pick(3)];
  policy.stop_signal = std::array<std::vector<int>, 3>{{{SIGTERM}, {SIGINT, SIGTERM}, {}}}[pick(3)];
  policy.stop_message = pick(4) == 0;
  policy.leaves_cluster = pick(4) == 0;
  policy.jitter_seed = pick(2) * 77;
  if (pick(4) == 0) policy.start_retries = static_cast<int>(pick(4));
  if (pick(4) == 0) policy.max_restarts = static_cast<int>(pick(100));
  if (pick(2) == 0) policy.restart_window = Millis{10'000};
  return policy;
}

class World {
 public:
  World(const Policy& policy, bool with_twin) : machine_(policy), twin_(policy), with_twin_(with_twin) {}

  /// Plays some event. Returns the first promise that was broken, or "".
  std::string turn(const Pick& pick) {
    Event event = any_event(pick);
    std::vector<Action> actions = play(event);
    if (with_twin_) check_twin(event, actions, pick);
    return problem_after(event);
  }
  /// Plays this event.
  std::string turn(const Event& event) {
    play(event);
    return problem_after(event);
  }
  /// Lets time pass without a Tick.
  void pass(Millis time) { now_ += time; }

  bool left() const { return left_; }
  const Machine& machine() const { return machine_; }
  Time now() const { return now_; }
  /// The pid that a process gets which is started now.
  int next_pid() const { return last_pid_ + 1; }

  /// Calls fold(number) with everything in it that the machine's promises depend on; runs are counted from
  /// the next one backwards, so that worlds that differ in names alone are the same.
  template <class Fold>
  void fold(const Fold& fold) const {
    auto age = [&](RunId run) { return static_cast<std::int64_t>(machine_.snapshot().next_run - run); };
    for (const Run& run : runs_) {
      fold(age(run.run));
      fold(static_cast<std::int64_t>(run.body));
    }
    fold(up_ | asked_reload_ << 1 | left_ << 2);
    fold(unanswered_ == 0 ? -1'000'000 : age(unanswered_));
  }

 private:
  enum class Body { spawning, alive, leftovers };
  struct Run {
    RunId run = 0;
    Body body = Body::spawning;
    int pid = 0;
  };

  std::vector<Action> play(const Event& event) {
    std::optional<Time> before = machine_.deadline();
    happen(event);
    std::vector<Action> actions = machine_.step(event, now_);
    for (const Action& action : actions)
      std::visit([this](const auto& a) { meet(a); }, action);
    check_lives();
    check_rest();
    if (std::holds_alternative<event::Tick>(event)) check_deadline(before);
    return actions;
  }

  std::string problem_after(const Event& event) const {
    return problem_.empty() ? problem_ : describe(event) + " -> " + describe(machine_) + ": " + problem_;
  }

  // ---- what happens

  Event any_event(const Pick& pick) {
    unsigned kind = pick(32);
    if (kind < 6) return any_wish(pick);
    if (kind < 14) return time_passes(pick);
    if (kind < 17 || runs_.empty()) return news(pick, static_cast<RunId>(pick(unsigned(last_run_) + 2)));
    return likely_news(pick, runs_[pick(static_cast<unsigned>(runs_.size()))]);
  }

  static Event any_wish(const Pick& pick) {
    switch (pick(13)) {
      case 0: return event::Stop{};
      case 1: return pick(3) == 0 ? Event(event::StopNow{}) : event::Stop{};
      case 2:
      case 3: return event::Restart{};
      case 4:
      case 5:
      case 6:
      case 7: return event::Reload{Millis{pick(2) * 700}};
      case 8: return event::Await{};
      default: return event::Start{pick(2) ? By::user : By::keeper};
    }
  }

  Event time_passes(const Pick& pick) {
    const Millis leaps[] = {Millis{0}, Millis{1}, Millis{300}, Millis{20'000}};
    if (pick(4) == 0) {
      now_ += leaps[pick(4)];  // and the tick may be late
      return pick(2) ? Event(event::Tick{}) : any_wish(pick);
    }
    if (machine_.deadline()) now_ = std::max(now_, *machine_.deadline());
    return event::Tick{};
  }

  Event likely_news(const Pick& pick, const Run& run) {
    if (run.body == Body::spawning && pick(8)) return event::SpawnSucceeded{run.run, ++last_pid_};
    if (run.body == Body::leftovers) return event::TreeEmpty{run.run};
    return news(pick, run.run);
  }

  Event news(const Pick& pick, RunId run) {
    switch (pick(20)) {
      case 0: return event::SpawnSucceeded{run, ++last_pid_};
      case 1: return event::SpawnFailed{run, pick(2) == 0, "no"};
      case 2:
      case 3:
      case 12:
      case 13:
      case 14: return event::Ready{run, static_cast<int>(pick(4)) - static_cast<int>(pick(8) == 0)};
      case 15: return pick(4) ? Event(event::Alive{run}) : event::EndsItself{run};
      case 16:
        return pick(4) ? Event(event::Extend{run, Millis{pick(2'000)}}) : event::Unshown{run, "tcp:80"};
      case 17: return pick(2) ? Event(event::Hangs{run}) : event::Watchdog{run, Millis{pick(900)}};
      case 18: return event::MainMoved{run, ++last_pid_};
      case 19: return event::ProgramChanged{};
      case 4: return event::TreeEmpty{run};
      case 5: return event::Suspended{run};
      case 6: return event::Continued{run};
      case 7: return pick(2) ? Event(event::UserSignal{run, SIGHUP}) : event::Refused{run, "not permitted"};
      default: return event::Exited{run, any_exit(pick), pick(3) == 0};
    }
  }

  static ExitInfo any_exit(const Pick& pick) {
    return std::array{ExitInfo::code(0), ExitInfo::code(1), ExitInfo::signal(SIGKILL),
                      ExitInfo::unknown()}[pick(4)];
  }

  void happen(const Event& event) {
    std::visit([this](const auto& e) { fact(e); }, event);
  }
  void fact(const event::Start&) { up_ = true; }
  void fact(const event::Await&) { up_ = up_ || !machine_.snapshot().begun; }
  void fact(const event::Restart&) { up_ = true; }
  void fact(const event::Reload&) {
    up_ = asked_reload_ = true;
    if (!left_) unanswered_ = last_run_ + 1;
  }
  void fact(const event::Stop&) { up_ = asked_reload_ = false; }
  void fact(const event::StopNow&) { up_ = asked_reload_ = false; }
  void fact(const event::SpawnSucceeded& e) {
    Run* run = find(e.run);
    if (run && run->body == Body::spawning) *run = {e.run, Body::alive, e.pid};
    last_pid_ = std::max(last_pid_, e.pid);
  }
  void fact(const event::SpawnFailed& e) {
    Run* run = find(e.run);
    if (run && run->body == Body::spawning) forget(e.run);
  }
  void fact(const event::Exited& e) {
    Run* run = find(e.run);
    if (!run || run->body == Body::leftovers) return;
    run->body = Body::leftovers;
    if (!e.leftovers || machine_.policy().kill_mode == KillMode::process) forget(e.run);
  }
  void fact(const event::TreeEmpty& e) {
    Run* run = find(e.run);
    if (run && run->body == Body::leftovers) forget(e.run);
  }
  void fact(const event::MainMoved& e) {
    Run* run = find(e.run);
    if (run && run->body == Body::alive) run->pid = e.pid;
    last_pid_ = std::max(last_pid_, e.pid);
  }
  void fact(const event::Ready&) {}
  void fact(const event::Alive&) {}
  void fact(const event::EndsItself&) {}
  void fact(const event::Unshown&) {}
  void fact(const event::Extend&) {}
  void fact(const event::Watchdog&) {}
  void fact(const event::Hangs&) {}
  void fact(const event::ProgramChanged&) {}
  void fact(const event::Suspended&) {}
  void fact(const event::Continued&) {}
  void fact(const event::Refused&) {}
  void fact(const event::UserSignal&) {}
  void fact(const event::Tick&) {}

  // ---- what the machine does about it

  void meet(const action::Spawn& a) {
    require(!left_, "spawned after Leave");
    require(up_, "spawned although it was stopped");
    require(a.run > last_run_, "spawned twice");
    require(runs_.empty() || (runs_.size() == 1 && asked_reload_ && runs_[0].body != Body::leftovers),
            "spawned beside another run");
    asked_reload_ = false;
    last_run_ = a.run;
    runs_.push_back({a.run});
  }

  void meet(const action::Signal& a) {
    Run* run = find(a.run);
    if (!run) return require(false, "signalled a run that is gone");
    bool main = a.scope == Scope::process || a.scope == Scope::group;
    require(run->body == (main ? Body::alive : run->body) && run->body != Body::spawning,
            "signalled the dead");
    require(a.scope != Scope::rest || run->body == Body::leftovers, "took a living run for leftovers");
  }

  void meet(const action::Announce& a) {
    require(!left_, "announced after Leave");
    bool answer = a.what == action::What::reloaded || a.what == action::What::reload_failed;
    if (answer && (a.run == 0 || a.run >= unanswered_)) unanswered_ = 0;
  }

  void meet(const action::Leave& a) {
    require(!left_, "left twice");
    require(runs_.empty(), "left while something lives");
    require(unanswered_ == 0, "left with a reload unanswered");
    require(!has_keeper(a.state), "left in a state that has a keeper");
    left_ = true;
  }

  // ---- what must hold then

  void check_lives() {
    const Snapshot& s = machine_.snapshot();
    std::size_t count = s.leaving.size() + (s.serving ? 1 : 0) + (s.incoming ? 1 : 0);
    require(count == runs_.size() && count <= 2, "machine and world do not agree on how many live");
    if (s.serving) check_life(*s.serving);
    if (s.incoming) check_life(*s.incoming);
    for (const Life& life : s.leaving) {
      check_life(life);
      require(life.phase == Phase::spawning || life.until.at || !life.stuck.empty(),
              "an end that has neither a time nor a reason to last");
    }
  }

  void check_life(const Life& life) {
    Run* run = find(life.run);
    if (!run) return require(false, "machine and world do not agree on who lives");
    require(life.pid == run->pid, "wrong pid");
    require(life.alive() == (run->body == Body::alive), "machine and world do not agree on who is alive");
  }

  void check_rest() {
    const Snapshot& s = machine_.snapshot();
    require(left_ == s.finished && left_ == (s.begun && !has_keeper(machine_.state())),
            "finished without Leave");
    if (s.begun && !left_)
      require(!runs_.empty() || machine_.deadline() || machine_.awaits(), "waits for nothing");
    if (machine_.awaits()) require(runs_.empty() && !s.next && up_, "waits to be needed beside a run");
    if (s.incoming) require(s.serving.has_value(), "an incoming run without a serving one");
    if (s.next) require(!s.serving && s.wanted == Wanted::up, "a next start that nobody needs");
    if (machine_.wanted() == Wanted::up) require(up_, "up although it was stopped");
    require(s.memory.marks.size() <= 80, "remembers too many restarts");
    require(unanswered_ == 0 || s.reload_waiting || (s.serving && s.serving->for_reload) ||
                (s.incoming && s.incoming->for_reload),
            "a reload that nothing will answer");
  }

  void check_deadline(const std::optional<Time>& before) {
    if (before && *before <= now_ && machine_.deadline())
      require(*machine_.deadline() > now_, "the deadline does not move on");
  }

  void check_twin(const Event& event, const std::vector<Action>& actions, const Pick& pick) {
    require(twin_.step(event, now_) == actions, "the twin does something else");
    require(twin_.snapshot() == machine_.snapshot(), "the twin knows something else");
    if (pick(8) == 0) machine_ = Machine(machine_.policy(), machine_.snapshot());
  }

  void require(bool good, const char* what) {
    if (!good && problem_.empty()) problem_ = what;
  }

  Run* find(RunId run) {
    auto it = std::find_if(runs_.begin(), runs_.end(), [&](const Run& r) { return r.run == run; });
    return it == runs_.end() ? nullptr : &*it;
  }
  void forget(RunId run) {
    std::erase_if(runs_, [&](const Run& r) { return r.run == run; });
  }

  Machine machine_;
  Machine twin_;
  bool with_twin_;
  Time now_{0};
  std::vector<Run> runs_;
  RunId last_run_ = 0;
  int last_pid_ = 100;
  bool up_ = false;
  bool asked_reload_ = false;
  RunId unanswered_ = 0;  ///< a reload waits for news of this run or a later one
  bool left_ = false;
  std::string problem_;
};

}  // namespace keeper
