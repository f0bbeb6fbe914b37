#include "keeper/core/machine.hpp"

#include <algorithm>
#include <utility>

namespace keeper {
namespace {

constexpr std::size_t kMostText = 1'000;  ///< bytes of a text that is kept: a snapshot has a bounded size
constexpr const char* kAtOnce = "it was to end at once";
constexpr const char* kNotEnded = "an earlier KILL did not end it";
constexpr const char* kNotPermitted = "an earlier KILL was not permitted";
constexpr Millis kQuiet{1'000};            ///< how long a changed file must stay unchanged
constexpr std::uint32_t kSecs = 1u << 31;  ///< of Life::shown: start_secs has passed; lower bits are events

std::string clipped(std::string text) {
  if (text.size() <= kMostText) return text;
  std::size_t end = kMostText;
  while (end > 0 && (text[end] & 0xC0) == 0x80)
    --end;  // not in the middle of a UTF-8 character
  text.resize(end);
  return text;
}

Millis lived(const Life& life, Time now) {
  return life.pid == 0 ? Millis{0} : std::max(now - life.since, Millis{0});
}

std::string ended_early_text(const Life& life, bool confirmed) {
  return (confirmed ? "ended within " + duration_text(life.canary) + " of being ready: "
                    : "ended too early: ") +
         exit_text(*life.exit);
}

}  // namespace

std::vector<Action> Machine::step(const Event& event, Time now) {
  if (s_.finished) return {};
  now_ = now;
  std::visit([this](const auto& e) { on(e); }, event);
  settle();
  return std::exchange(actions_, {});
}

// ---- the wanted state

void Machine::on(const event::Start& e) {
  if (s_.serving) return;
  bool asked = e.by == By::user || !s_.begun || (s_.next && s_.next->asked);
  want_up();
  s_.next = NextStart{now_, asked};
}

void Machine::on(const event::Await&) {
  if (s_.begun) return;
  want_up();
  s_.awaits = true;
}

void Machine::on(const event::Stop& e) {
  s_.begun = true;
  try_again();
  if (s_.wanted == Wanted::down) return;
  want_down(State::stopped, {});
  retire(s_.incoming, e.cause);
  retire(s_.serving, e.cause);
}

void Machine::on(const event::StopNow&) {
  s_.begun = true;
  if (s_.wanted == Wanted::up) want_down(State::stopped, {});
  for (Life& life : s_.leaving)
    kill(life);
  retire(s_.incoming, Cause::stop, true);
  retire(s_.serving, Cause::stop, true);
}

void Machine::on(const event::Restart&) {
  begin_anew();
}

void Machine::on(const event::Reload& e) {
  if (!s_.serving) begin_anew();
  s_.reload_waiting = true;
  s_.canary = e.canary;
  refuse_reload();
}

void Machine::begin_anew() {
  want_up();
  forget_failures(s_.memory);
  try_again();
  retire(s_.incoming, Cause::restart);
  retire(s_.serving, Cause::restart);
  s_.next = NextStart{now_, true, Cause::restart};
}

void Machine::want_up() {
  s_.begun = true;
  if (s_.wanted == Wanted::up) return;
  s_.wanted = Wanted::up;
  s_.reason.clear();
  s_.ran = false;
  forget_failures(s_.memory);
}

void Machine::want_down(State ends_as, std::string reason) {
  s_.wanted = Wanted::down;
  s_.ends_as = ends_as;
  s_.reason = std::move(reason);
  s_.next.reset();
  s_.changed.reset();
  s_.awaits = false;
  if (!std::exchange(s_.reload_waiting, false)) return;
  announce({.what = action::What::reload_failed, .text = std::string(word_for(ends_as))});
}

void Machine::settle() {
  if (!s_.begun || !s_.leaving.empty()) return;
  if (s_.wanted == Wanted::down) return finish();
  if (!s_.serving && s_.next && s_.next->at <= now_) spawn(s_.serving);
  if (s_.serving && !s_.incoming && s_.reload_waiting) spawn(s_.incoming);
}

void Machine::spawn(Slot& slot) {
  Life life;
  life.run = s_.next_run++;
  life.for_reload = std::exchange(s_.reload_waiting, false);
  life.canary = std::exchange(s_.canary, Millis{0});
  s_.awaits = false;
  if (s_.next && !s_.next->asked) ++s_.restarts;
  if (s_.next) life.begun_by = s_.next->by;
  s_.next.reset();
  slot = life;
  actions_.emplace_back(action::Spawn{life.run});
}

void Machine::finish() {
  if (s_.ends_as == State::stopped) announce({.what = action::What::stopped, .run = run()});
  s_.finished = true;
  actions_.emplace_back(action::Leave{s_.ends_as});
}

// ---- a start

void Machine::on(const event::SpawnSucceeded& e) {
  Life* life = find(e.run);
  if (!life || life->phase != Phase::spawning) return;
  life->pid = e.pid;
  life->since = now_;
  s_.ran = true;
  s_.spawn_error.clear();
  announce({.what = action::What::started, .run = e.run, .pid = e.pid, .cause = life->begun_by});
  if (life->ending)
    begin_end(*life);
  else
    begin_start(*life);
}

void Machine::begin_start(Life& life) {
  life.phase = Phase::starting;
  if (policy_.ready_events > 0) life.until.set(policy_.ready_timeout, now_, life.suspended);
  if (policy_.ready_secs && policy_.start_secs.count() > 0)
    life.secs.set(policy_.start_secs, now_, life.suspended);
  else
    life.shown |= kSecs;
  confirm_if_shown(life);
}

void Machine::on(const event::SpawnFailed& e) {
  Life* life = find(e.run);
  if (!life || life->phase != Phase::spawning) return;
  bool served = serves(e.run);
  s_.spawn_error = clipped(e.text);
  announce(
      {.what = action::What::spawn_failed, .run = e.run, .cause = life->begun_by, .text = s_.spawn_error});
  fail_reload(*life, s_.spawn_error);
  extract(e.run);
  if (!served || another_takes_over()) return;
  Ending ending{.how = Ending::How::not_spawned, .text = s_.spawn_error};
  ending.hopeless = e.permanent && !s_.ran;
  decide(ending, e.run);
}

void Machine::on(const event::Ready& e) {
  Life* life = find(e.run);
  if (!life || e.condition < 0 || e.condition >= policy_.ready_events || life->until.due(now_)) return;
  if (life->phase != Phase::spawning && life->phase != Phase::starting) return;
  life->shown |= 1u << e.condition;
  confirm_if_shown(*life);
}

void Machine::on(const event::Unshown& e) {
  Life* life = find(e.run);
  if (life && life->phase == Phase::starting) life->unshown = clipped(e.text);
}

void Machine::confirm_if_shown(Life& life) {
  std::uint32_t all = kSecs | ((1u << policy_.ready_events) - 1);
  if (life.phase == Phase::starting && life.shown == all) confirm(life);
}

void Machine::confirm(Life& life) {
  life.phase = Phase::confirmed;
  life.secs = {};
  watch(life);
  note_confirmed(s_.memory);
  announce({.what = action::What::confirmed, .run = life.run, .pid = life.pid});
  if (life.for_reload && life.canary.count() > 0)
    life.trial.set(life.canary, now_, life.suspended);
  else
    accept(life);
}

/// Confirms a run that has met all conditions. The reference is invalid when this returns.
void Machine::accept(Life& life) {
  life.trial = {};
  if (std::exchange(life.for_reload, false))
    announce({.what = action::What::reloaded, .run = life.run, .pid = life.pid});
  if (!serves(life.run)) hand_over();
}

void Machine::accept_if_due(RunId run) {
  Life* life = find(run);
  const bool late = life && life->until.at && life->trial.at && *life->until.at < *life->trial.at;
  if (life && !late && life->trial.due(now_)) accept(*life);
}

/// The time of start_secs may have passed although its Tick is still to come.
void Machine::confirm_if_due(RunId run) {
  Life* life = find(run);
  bool late = life && life->until.at && life->secs.at && *life->until.at < *life->secs.at;
  if (!life || late || !life->secs.due(now_)) return;
  life->secs = {};
  life->shown |= kSecs;
  confirm_if_shown(*life);
}

void Machine::hand_over() {
  retire(s_.serving, Cause::reload);
  s_.serving = std::exchange(s_.incoming, std::nullopt);
}

/// Restarts its watchdog, if it has one.
void Machine::watch(Life& life) {
  life.until = {};
  auto every = life.watchdog ? life.watchdog : policy_.watchdog;
  if (every) life.until.set(*every, now_, life.suspended);
}

void Machine::on(const event::Alive& e) {
  Life* life = find(e.run);
  if (life && life->phase == Phase::confirmed && !life->until.due(now_)) watch(*life);
}

void Machine::on(const event::EndsItself& e) {
  Life* life = find(e.run);
  bool watched = life && life->phase == Phase::confirmed && (life->until.at || life->until.held);
  if (watched && !life->until.due(now_)) life->until.set(policy_.stop_timeout, now_, life->suspended);
}

/// Only if it has a watchdog at all: the spec decides that.
void Machine::on(const event::Watchdog& e) {
  Life* life = find(e.run);
  if (!life || !policy_.watchdog || e.every.count() <= 0) return;
  life->watchdog = e.every;
  on(event::Alive{e.run});
}

void Machine::on(const event::Hangs& e) {
  Life* life = find(e.run);
  if (life && policy_.watchdog && life->phase == Phase::confirmed) fail(e.run, Cause::watchdog);
}

/// Adds time and never subtracts it. Counts only while the end of something is awaited.
void Machine::on(const event::Extend& e) {
  Life* life = find(e.run);
  bool waits = life && (life->phase == Phase::starting || life->phase == Phase::stopping ||
                        life->phase == Phase::clearing);
  if (!waits || life->until.due(now_)) return;
  if (life->until.at) life->until.at = std::max(*life->until.at, now_ + e.by);
  if (life->until.held) life->until.held = std::max(*life->until.held, e.by);
}

void Machine::on(const event::MainMoved& e) {
  Life* life = find(e.run);
  if (!life || !life->alive() || life->pid == e.pid) return;
  life->pid = e.pid;
  announce({.what = action::What::main_moved, .run = e.run, .pid = e.pid});
}

/// The start failed, or what was confirmed works no longer.
void Machine::fail(RunId run, Cause cause) {
  bool served = serves(run);
  retire(served ? s_.serving : s_.incoming, cause);
  if (served) another_takes_over();
}

// ---- a changed program

void Machine::on(const event::ProgramChanged&) {
  if (s_.wanted == Wanted::up && !s_.awaits) s_.changed = now_ + kQuiet;
}

void Machine::start_changed() {
  s_.changed.reset();
  forget_failures(s_.memory);
  bool asked = s_.next && s_.next->asked;
  retire(s_.incoming, Cause::changed);
  retire(s_.serving, Cause::changed);
  s_.next = NextStart{now_, asked, Cause::changed};
}

// ---- an end

void Machine::retire(Slot& slot, Cause cause, bool at_once) {
  if (!slot) return;
  Life& life = s_.leaving.emplace_back(*std::exchange(slot, std::nullopt));
  life.ending = cause;
  life.at_once = at_once;
  life.until = {};
  life.secs = {};
  life.trial = {};
  fail_reload(life, why_reload_failed(life));
  announce({.what = action::What::stopping,
            .run = life.run,
            .pid = life.pid,
            .cause = cause,
            .text = cause == Cause::ready_timeout ? life.unshown : ""});
  if (life.phase != Phase::spawning) begin_end(life);
}

void Machine::begin_end(Life& life) {
  if (life.at_once)
    kill_all(life, kAtOnce);
  else
    carry_out(life, stop_step(policy_, life.ending, 0));
}

void Machine::kill_all(Life& life, std::string why) {
  announce({.what = action::What::killing,
            .run = life.run,
            .pid = life.exit ? 0 : life.pid,
            .text = std::move(why)});
  carry_out(life, kill_step(policy_));
}

/// It, or the rest of it, did not end by its stop signal: send the next one, or KILL.
void Machine::end_harder(Life& life) {
  const StopStep step = harder_step(policy_, life);
  if (step.phase == Phase::killing)
    kill_all(life, unheeded_text(policy_, life, life.until.at.value_or(now_) - life.step_since));
  else
    carry_out(life, step);
}

void Machine::kill(Life& life) {
  life.at_once = true;
  if (life.phase == Phase::spawning) return;
  const bool tried = std::exchange(life.stuck, {}).empty();
  if (life.phase == Phase::killing && tried)
    return send(life.run, kill_step(policy_));  // but without more time
  kill_all(life, kAtOnce);
}

void Machine::clear(Life life) {
  carry_out(s_.leaving.emplace_back(life), clear_step(policy_, life));
}

void Machine::carry_out(Life& life, const StopStep& step) {
  life.phase = step.phase;
  life.step = step.index;
  life.secs = {};
  if (step.wait) {
    life.step_since = now_;
    life.until.set(*step.wait, now_, false);
  }
  send(life.run, step);
}

void Machine::send(RunId run, const StopStep& step) {
  for (const StopStep::Send& each : step.sends)
    actions_.emplace_back(action::Signal{run, each.signal, each.scope});
}

void Machine::on(const event::Exited& e) {
  confirm_if_due(e.run);
  accept_if_due(e.run);
  if (Life* life = find(e.run); !life || life->exit) return;
  bool served = serves(e.run);
  Life life = extract(e.run);
  bool confirmed = life.phase == Phase::confirmed;
  life.exit = e.exit;
  life.ended = now_;
  life.stuck.clear();
  life.suspended = false;
  life.trial = {};
  record_exit(life, served, confirmed, e.out_of_memory);
  fail_reload(life, ended_early_text(life, confirmed));
  if (e.leftovers && policy_.kill_mode != KillMode::process) clear(life);
  if (served && !another_takes_over())
    decide({.exit = e.exit,
            .confirmed = confirmed,
            .lived = lived(life, now_),
            .out_of_memory = e.out_of_memory},
           e.run);
  decide_after_failure(life);
}

/// The end of a reload's new run, beside the old one, does not affect the app's future.
void Machine::record_exit(const Life& life, bool served, bool confirmed, bool out_of_memory) {
  Cause unasked = out_of_memory                             ? Cause::out_of_memory
                  : policy_.exit_codes.contains(*life.exit) ? Cause::exit
                                                            : Cause::crash;
  LastEnd end{life.run, life.pid, *life.exit, life.ending.value_or(unasked), lived(life, now_)};
  bool hung = life.ending == Cause::watchdog;
  if ((!life.ending && served) || hung) note_end(s_.memory, confirmed || hung, end.lived);
  announce({.what = action::What::exited,
            .run = end.run,
            .pid = end.pid,
            .exit = end.exit,
            .cause = end.cause,
            .lived = end.lived});
  s_.last_end = end;
}

void Machine::on(const event::TreeEmpty& e) {
  Life* life = find(e.run);
  if (!life || !life->exit) return;
  announce({.what = action::What::cleared, .run = e.run, .lived = now_ - life->ended});
  extract(e.run);
}

// ---- an end that fails

/// While its main process lives, no process was sent it and its time remains; else the others proceed.
void Machine::on(const event::Refused& e) {
  Life* life = find(e.run);
  if (!life || !life->ending_now()) return;
  if (!life->exit) life->until = {};
  get_stuck(*life, action::What::refused, clipped(e.text));
}

/// KILL had no effect in time.
void Machine::give_up(Life& life) {
  life.until = {};
  if (life.stuck.empty()) get_stuck(life, action::What::survivors, kSurvived);
}

void Machine::get_stuck(Life& life, action::What what, std::string why) {
  if (life.stuck == why) return;
  life.stuck = std::move(why);
  announce({.what = what, .run = life.run, .pid = life.exit ? 0 : life.pid, .text = life.stuck});
  refuse_reload();
}

/// Retries the end of a stuck run at a client's request: it may be permitted by now, and else is reported
/// again.
void Machine::try_again() {
  for (Life& life : s_.leaving) {
    std::string why = std::exchange(life.stuck, {});
    if (why.empty()) continue;
    if (life.until.at)
      get_stuck(life, action::What::refused, std::move(why));  // its time has not expired yet
    else if (life.phase == Phase::killing)
      kill_all(life, why == kSurvived ? kNotEnded : kNotPermitted);
    else
      begin_end(life);
  }
}

/// A new run must not start beside one that cannot be ended.
void Machine::refuse_reload() {
  const std::string why = stuck();
  if (why.empty() || !std::exchange(s_.reload_waiting, false)) return;
  s_.canary = Millis{0};
  announce({.what = action::What::reload_failed, .text = why});
}

// ---- what follows an end

/// If the serving run ended, a reload in progress, or waiting, has its successor already.
bool Machine::another_takes_over() {
  if (s_.incoming) {
    s_.serving = std::exchange(s_.incoming, std::nullopt);
    return true;
  }
  if (s_.reload_waiting) s_.next = NextStart{now_, true};
  return s_.reload_waiting;
}

void Machine::decide(const Ending& ending, RunId run) {
  Verdict verdict = judge(policy_, s_.memory, ending, now_);
  if (verdict.state == State::fatal)
    announce({.what = action::What::fatal, .run = run, .text = verdict.reason});
  if (verdict.state != State::backoff) return want_down(verdict.state, std::move(verdict.reason));
  s_.next = NextStart{now_ + verdict.delay, false};
  if (verdict.delay.count() == 0) return;
  announce(
      {.what = action::What::backoff, .run = run, .until = s_.next->at, .text = std::move(verdict.reason)});
}

/// A run that was not ready in time is a failed start, one that hung is a crash, unless a client has
/// requested something else meanwhile.
void Machine::decide_after_failure(const Life& life) {
  bool hung = life.ending == Cause::watchdog;
  if (!hung && life.ending != Cause::ready_timeout) return;
  bool undecided = s_.wanted == Wanted::up && !s_.serving && !s_.next;
  Ending ending{.how = Ending::How::failed, .confirmed = hung, .lived = lived(life, now_)};
  ending.text = failure_text(life);
  if (undecided) decide(ending, life.run);
}

void Machine::fail_reload(Life& life, std::string why) {
  if (!std::exchange(life.for_reload, false)) return;
  announce({.what = action::What::reload_failed, .run = life.run, .text = std::move(why)});
}

// ---- time, and signals from outside

void Machine::on(const event::Tick&) {
  if (s_.changed && *s_.changed <= now_) start_changed();
  while (Life* life = due())
    expire(*life);
}

void Machine::expire(Life& life) {
  bool secs_first = life.secs.at && (!life.until.at || *life.secs.at <= *life.until.at);
  if (secs_first) return confirm_if_due(life.run);
  const bool trial_first = life.trial.at && (!life.until.at || *life.trial.at <= *life.until.at);
  if (trial_first) return accept_if_due(life.run);
  switch (life.phase) {
    case Phase::spawning: life.until = {}; return;
    case Phase::starting: return fail(life.run, Cause::ready_timeout);
    case Phase::confirmed: return fail(life.run, Cause::watchdog);
    case Phase::stopping:
    case Phase::clearing: return end_harder(life);
    case Phase::killing: return give_up(life);
  }
}

void Machine::on(const event::Suspended& e) {
  confirm_if_due(e.run);
  accept_if_due(e.run);
  Life* life = find(e.run);
  if (!life || life->exit || life->suspended) return;
  life->suspended = true;
  if (counts(*life)) life->until.stop(now_);
  life->secs.stop(now_);
  life->trial.stop(now_);
  announce({.what = action::What::suspended, .run = e.run, .pid = life->pid});
}

void Machine::on(const event::Continued& e) {
  Life* life = find(e.run);
  if (!life || life->exit || !life->suspended) return;
  life->suspended = false;
  life->until.go_on(now_);
  life->secs.go_on(now_);
  life->trial.go_on(now_);
  announce({.what = action::What::continued, .run = e.run, .pid = life->pid});
}

void Machine::on(const event::UserSignal& e) {
  Life* life = find(e.run);
  if (life && life->alive()) actions_.emplace_back(action::Signal{e.run, e.signal, Scope::process});
}

// ---- finding lives

Life* Machine::find(RunId run) {
  for (Slot* slot : {&s_.serving, &s_.incoming})
    if (*slot && (*slot)->run == run) return &**slot;
  auto it = std::find_if(s_.leaving.begin(), s_.leaving.end(), [&](const Life& l) { return l.run == run; });
  return it == s_.leaving.end() ? nullptr : &*it;
}

Life* Machine::due() {
  auto is_due = [this](const Life& life) {
    return life.until.due(now_) || life.secs.due(now_) || life.trial.due(now_);
  };
  for (Slot* slot : {&s_.serving, &s_.incoming})
    if (*slot && is_due(**slot)) return &**slot;
  auto it = std::find_if(s_.leaving.begin(), s_.leaving.end(), is_due);
  return it == s_.leaving.end() ? nullptr : &*it;
}

/// Returns whether its clock measures the program's work, and not the wait for its end.
bool Machine::counts(const Life& life) const {
  return life.phase == Phase::starting || life.phase == Phase::confirmed;
}

/// Removes a life from the table; it must be there.
Life Machine::extract(RunId run) {
  for (Slot* slot : {&s_.serving, &s_.incoming})
    if (*slot && (*slot)->run == run) return *std::exchange(*slot, std::nullopt);
  Life life = *find(run);
  std::erase_if(s_.leaving, [&](const Life& l) { return l.run == run; });
  return life;
}

const Life* Machine::current() const {
  if (s_.serving) return &*s_.serving;
  if (s_.leaving.empty()) return nullptr;
  auto alive = std::find_if(s_.leaving.rbegin(), s_.leaving.rend(), [](const Life& l) { return l.alive(); });
  return alive == s_.leaving.rend() ? &s_.leaving.back() : &*alive;
}

// ---- facts

std::optional<Time> Machine::deadline() const {
  std::optional<Time> first;
  auto sooner = [&](const std::optional<Time>& time) {
    if (time && (!first || *time < *first)) first = time;
  };
  auto sooner_of = [&](const Life& life) {
    sooner(life.until.at);
    sooner(life.secs.at);
    sooner(life.trial.at);
  };
  if (s_.serving) sooner_of(*s_.serving);
  if (s_.incoming) sooner_of(*s_.incoming);
  for (const Life& life : s_.leaving)
    sooner_of(life);
  sooner(s_.changed);
  if (s_.next && s_.leaving.empty()) sooner(s_.next->at);  // else it waits for them, not for a time
  return first;
}

State Machine::state() const {
  if (!s_.leaving.empty() && !s_.serving) return State::stopping;
  if (s_.serving) {
    if (s_.serving->suspended) return State::suspended;
    return ready() ? State::running : State::starting;
  }
  if (s_.awaits) return State::starting;
  return s_.next ? State::backoff : s_.ends_as;
}

RunId Machine::run() const {
  const Life* life = current();
  return life ? life->run : s_.next_run - 1;
}

std::optional<int> Machine::pid() const {
  const Life* life = current();
  return life && life->alive() ? std::optional<int>(life->pid) : std::nullopt;
}

std::vector<std::string> Machine::waiting_for(const Readiness& ready) const {
  std::vector<std::string> out;
  const Life* life = current();
  if (!life) return out;
  if (ready.secs() && (life->shown & kSecs) == 0) out.emplace_back("secs");
  for (std::size_t i = 0; i < ready.events().size(); ++i)
    if ((life->shown & 1u << i) == 0) out.push_back(ready.events()[i].text);
  return out;
}

std::string Machine::stuck() const {
  for (const Life& life : s_.leaving)
    if (!life.stuck.empty()) return life.stuck;
  return {};
}

std::optional<Time> Machine::next_start() const {
  return s_.next ? std::optional<Time>(s_.next->at) : std::nullopt;
}

bool Machine::has_shown(RunId run, int condition) const {
  auto shows = [&](const Life& life) { return life.run == run && (life.shown & 1u << condition) != 0; };
  return (s_.serving && shows(*s_.serving)) || (s_.incoming && shows(*s_.incoming)) ||
         std::any_of(s_.leaving.begin(), s_.leaving.end(), shows);
}

std::string Machine::failure_text(const Life& life) const {
  if (life.ending == Cause::watchdog)
    return "no sign of life within " + duration_text(life.watchdog.value_or(*policy_.watchdog));
  std::string text = "not ready within " + duration_text(policy_.ready_timeout);
  return life.unshown.empty() ? text : text + ": " + life.unshown;
}

std::string Machine::why_reload_failed(const Life& life) const {
  switch (life.ending.value_or(Cause::stop)) {
    case Cause::stop:
    case Cause::scale: return "stopped";
    case Cause::restart: return "restarted";
    case Cause::reload: return "a later reload was confirmed first";
    case Cause::changed: return "its program changed";
    default: return failure_text(life);
  }
}

}  // namespace keeper
