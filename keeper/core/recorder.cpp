#include "keeper/core/recorder.hpp"

#include <algorithm>
#include <utility>

#include "keeper/core/leftovers.hpp"

namespace keeper {
namespace {

using action::What;

bool is_asked(Cause cause) {
  return cause == Cause::stop || cause == Cause::scale || cause == Cause::restart || cause == Cause::reload;
}

Decision asked_restart() {
  return {"restart", 0, "asked for"};
}

}  // namespace

Recorder::Live& Recorder::live(RunId run) {
  auto it = std::find_if(live_.begin(), live_.end(), [&](const Live& l) { return l.run == run; });
  if (it != live_.end()) return *it;
  live_.emplace_back().run = run;
  return live_.back();
}

void Recorder::resume(RunId run, int pid, std::optional<WallTime> started_at,
                      std::optional<WallTime> confirmed_at, std::string why_killed) {
  Live& one = live(run);
  one.unheeded = std::move(why_killed);
  one.pid = pid;
  one.started_at = started_at;
  one.confirmed_at = confirmed_at;
}

Recorder::Live Recorder::take(RunId run) {
  Live out = std::move(live(run));
  std::erase_if(live_, [&](const Live& l) { return l.run == run; });
  if (live_.empty()) std::vector<Live>().swap(live_);
  return out;
}

void Recorder::note(const action::Announce& a, WallTime wall, Time now) {
  switch (a.what) {
    case What::started:
      live(a.run).pid = a.pid;
      live(a.run).started_at = wall;
      return decide_open(a, wall);
    case What::confirmed: live(a.run).confirmed_at = wall; return;
    case What::stopping:
      if (a.cause && is_asked(*a.cause)) live(a.run).asker = asker_;
      // A reload ends the old run later than it was requested.
      if (a.cause == Cause::reload && !asker_) live(a.run).asker = starter_;
      if (a.cause == Cause::ready_timeout) live(a.run).unshown = a.text;
      return;
    case What::killing:
      // A second KILL has the reason of the first.
      if (find(a.run) == nullptr && live(a.run).unheeded.empty()) live(a.run).unheeded = a.text;
      return;
    case What::exited: return add_exit(a, wall);
    case What::cleared:
      if (RunRecord* record = find(a.run)) record->clearing_ms = a.lived.count();
      return;
    case What::spawn_failed: return add_failed_spawn(a, wall);
    case What::backoff:
      if (a.until) decide(a.run, {"backoff", (*a.until - now).count(), a.text});
      return;
    case What::fatal: return decide(a.run, {"fatal", std::nullopt, a.text});
    case What::stopped: return note_stopped();
    default: return;
  }
}

void Recorder::add_exit(const action::Announce& a, WallTime wall) {
  Live was = take(a.run);
  RunRecord run;
  run.run = a.run;
  run.pid = a.pid;
  run.started_at = was.started_at;
  run.confirmed_at = was.confirmed_at;
  run.ended_at = wall;
  run.exit = a.exit;
  run.cause = word_for(a.cause.value_or(Cause::crash));
  run.asked_by = asker_of(was, a);
  if (!was.unheeded.empty() && a.exit == ExitInfo::signal(SIGKILL)) run.kill_reason = std::move(was.unheeded);
  run.killed = std::move(was.killed);
  const bool by_itself = a.cause == Cause::exit || a.cause == Cause::crash || a.cause == Cause::out_of_memory;
  if (by_itself && !was.facts.leftovers.empty())
    run.left_behind = left_behind_text(was.facts.leftovers, *a.exit, a.lived);
  if (!was.unshown.empty()) run.not_ready = std::move(was.unshown);
  run.lived_ms = a.lived.count();
  run.max_memory_bytes = was.facts.max_memory_bytes;
  run.cpu_ms = was.facts.cpu_ms;
  if (was.facts.oom_kills > 0) run.oom_kills = was.facts.oom_kills;
  run.decision = decided_already(a.run, a.cause.value_or(Cause::crash));
  run.output.text = tail_.last(kMostOutputLines, kMostOutputBytes);
  tail_.clear();
  add_run(runs_, std::move(run));
  own_ = std::min(own_ + 1, runs_.size());
}

void Recorder::note_signal(RunId run, int signal, Asker by) {
  live(run).signal = signal;
  live(run).signaller = std::move(by);
}

/// Finds a record of any keeper of this app: the number of a run is never reused.
RunRecord* Recorder::find(RunId run) {
  auto it = std::find_if(runs_.rbegin(), runs_.rend(), [&](const RunRecord& one) { return one.run == run; });
  return it == runs_.rend() ? nullptr : &*it;
}

void Recorder::note_killed(RunId run, const std::vector<KilledProcess>& killed) {
  RunRecord* record = find(run);
  auto& all = record != nullptr ? record->killed : live(run).killed;
  for (const KilledProcess& one : killed)
    if (all.size() < kMostKilled) all.push_back(one);
}

/// Returns who requested the end, or the signal that caused it.
std::optional<Asker> Recorder::asker_of(Live& was, const action::Announce& exited) const {
  if (was.asker || exited.cause != Cause::crash ||
      exited.exit != ExitInfo::signal(was.signal, exited.exit->core_dumped))
    return std::move(was.asker);
  return std::move(was.signaller);
}

void Recorder::add_failed_spawn(const action::Announce& a, WallTime wall) {
  take(a.run);
  decide_open(a, wall);
  RunRecord run;
  run.run = a.run;
  run.ended_at = wall;
  run.cause = "spawn failed";
  run.error = a.text;
  add_run(runs_, std::move(run));
  own_ = std::min(own_ + 1, runs_.size());
}

/// Returns the decision if it was known at the end: the end was requested, or beside a reload's new run.
std::optional<Decision> Recorder::decided_already(RunId run, Cause cause) const {
  const bool stopped = cause == Cause::stop || cause == Cause::scale;
  if (stopped && stopper_) return Decision{"stopped", std::nullopt, "asked for"};
  if (stopped || cause == Cause::restart) return asked_restart();
  if (cause == Cause::changed) return Decision{"restart", 0, "its program changed"};
  if (cause == Cause::reload) return Decision{"restart", 0, "its successor had taken over"};
  auto lives = [this](auto which) {
    return std::any_of(live_.begin(), live_.end(), [&](const Live& l) { return l.pid != 0 && which(l.run); });
  };
  if (lives([run](RunId other) { return other < run; }))
    return Decision{"kept", std::nullopt, "the run before it goes on"};
  if (lives([run](RunId other) { return other > run; }))
    return Decision{"restart", 0, "its successor was running already"};
  return std::nullopt;
}

void Recorder::decide(RunId run, Decision decision) {
  for (std::size_t i = 0; i < own_; ++i) {
    RunRecord& one = runs_[runs_.size() - 1 - i];
    if (one.run != run) continue;
    one.decision = std::move(decision);
    return;
  }
}

/// Decides the open record when a new run has begun, or should have: an end without another decision was
/// followed at once by a start; a later planned start was overtaken.
void Recorder::decide_open(const action::Announce& next, WallTime wall) {
  bool newest = true;
  for (std::size_t i = 0; i < own_; ++i) {
    RunRecord& one = runs_[runs_.size() - 1 - i];
    if (one.run >= next.run) continue;
    bool waited = one.decision && one.decision->action == "backoff";
    if (next.cause && std::exchange(newest, false) && (waited || !one.decision))
      one.decision = overtaken(one, *next.cause, wall);
    if (!one.decision) one.decision = Decision{"restart", 0, "restart is " + std::string(word_for(restart_))};
  }
}

Decision Recorder::overtaken(const RunRecord& run, Cause by, WallTime wall) const {
  Millis delay = run.ended_at ? std::max(wall - *run.ended_at, Millis{0}) : Millis{0};
  std::string reason = "its program changed";
  if (by == Cause::restart) reason = starter_ ? asker_text(*starter_) : "asked for";
  return {"restart", delay.count(), std::move(reason)};
}

void Recorder::note_wish(Wanted wanted) {
  if (wanted == Wanted::down) {
    if (!stopper_) stopper_ = asker_;
    return;
  }
  stopper_.reset();
  starter_ = asker_;
  if (own_ > 0 && runs_.back().decision && runs_.back().decision->action == "stopped")
    runs_.back().decision = asked_restart();
}

/// A stop has overtaken a planned next start.
void Recorder::note_stopped() {
  if (own_ == 0) return;
  RunRecord& last = runs_.back();
  if (stopper_ && stopper_->by == "restart") return;  // another keeper is to start it again
  bool waited = last.decision && last.decision->action == "backoff";
  if (last.decision && !waited && last.decision->action != "restart") return;
  std::string reason =
      waited ? "stopped while it waited for its next start" : "stopped before it was started again";
  if (stopper_) reason += ", " + asker_text(*stopper_);
  last.decision = Decision{"stopped", std::nullopt, std::move(reason)};
}

void Recorder::note_end(State state, const std::string& reason) {
  if (own_ == 0 || runs_.back().decision) return;
  runs_.back().decision = Decision{std::string(word_for(state)), std::nullopt, reason};
}

const RunRecord* Recorder::record_of(RunId run) const {
  for (std::size_t i = 0; i < own_; ++i)
    if (const RunRecord& one = runs_[runs_.size() - 1 - i]; one.run == run) return &one;
  return nullptr;
}

}  // namespace keeper
