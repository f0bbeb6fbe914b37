#include "keeper/app/readiness_tracker.hpp"

#include <algorithm>

#include "keeper/app/end_watcher.hpp"
#include "keeper/app/fd_store.hpp"
#include "keeper/app/record_writer.hpp"
#include "keeper/app/runs.hpp"
#include "keeper/app/spawner.hpp"
#include "keeper/child/tree.hpp"
#include "protocol/base/sockets.hpp"

namespace keeper {
namespace {

constexpr const char* kNotify = "notify";

/// By which the guard holds what a run says that it is ready with.
std::string notify_store_name(RunId id) {
  return "ready." + std::to_string(id);
}

/// Notes what a program says of itself for people.
void note_words(KeptRun& run, const NotifyMessage& m) {
  if (m.status) run.said_status = *m.status;
  if (m.reloading) run.said_doing = "reloading";
  if (m.ready) run.said_doing.clear();
  if (m.stopping) run.said_doing = "stopping";
}

}  // namespace

Done ReadinessTracker::open_socket(const std::string& name) {
  if (notify_) return {};
  if (!app_.spec.watchdog && !app_.spec.ready.has(ReadyCondition::Kind::notify)) return {};
  Fd known = store_.take(kNotify);
  auto socket = known ? Result<Fd>(std::move(known)) : make_notify_socket(name);
  if (!socket) return socket.error();
  notify_ = std::make_unique<NotifySocket>(app_.io, std::move(*socket),
                                           [this](const Notification& n) { on_notification(n); });
  return {};
}

void ReadinessTracker::drain_socket() {
  if (notify_) notify_->drain();
}

/// Returns null if the run has to show nothing itself. Errors: no descriptors.
Result<std::unique_ptr<RunReadiness>> ReadinessTracker::make(RunId id, Fd known) {
  if (app_.spec.ready.events().empty()) return std::unique_ptr<RunReadiness>();
  const Probing with{spawner_.commands(), app_.spec.ready_timeout,
                     [this, id](int socket) { return stranger_behind(id, socket); }};
  return RunReadiness::make(
      app_.io, app_.spec.ready, with,
      [this, id](int condition) {
        events_.tell(event::Ready{id, condition});
      },
      std::move(known));
}

/// Returns the process that takes a connection, if it is neither the run's nor this keeper for it: "pid 812
/// (nginx)". Returns an empty text, too, if that is unknown: no socket of this host listens there, or a
/// process of the run may not be looked into.
std::string ReadinessTracker::stranger_behind(RunId id, int socket) {
  const Run* run = runs_.find(id);
  const std::vector<ListeningSocket> listening = listening_behind(socket);
  if (run == nullptr || listening.empty() || has_socket_of(app_.own_pid, listening).value_or(true)) return {};
  bool all_seen = true;
  for (const int pid : runs_.tree(*run)) {
    const auto has = has_socket_of(pid, listening);
    if (has.value_or(false)) return {};
    all_seen = all_seen && has;
  }
  if (stranger_ == 0 || !has_socket_of(stranger_, listening).value_or(false))
    stranger_ = process_that_has(listening);
  if (stranger_ != 0) return process_text(stranger_);
  return all_seen ? "a process of user " + std::to_string(listening.front().user) : "";
}

void ReadinessTracker::on_notification(const Notification& n) {
  Run* run = runs_.run_of(n.sender);
  if (run == nullptr) return;
  RunId id = run->id;
  const NotifyMessage& m = n.message;
  bool ours = m.main_pid && (*m.main_pid == n.sender.pid || runs_.has_one_of(*run, {*m.main_pid}));
  if (ours) ends_.move_main(*run, *m.main_pid);
  if (m.watchdog) events_.tell(event::Watchdog{id, *m.watchdog});
  if (m.extend) events_.tell(event::Extend{id, *m.extend});
  if (Run* now = runs_.find(id)) note_words(*now, m);
  if (m.ready) mark_ready(id, ReadyCondition::Kind::notify);
  if (m.alive) events_.tell(event::Alive{id});
  if (m.stopping) events_.tell(event::EndsItself{id});
  if (m.hangs) events_.tell(event::Hangs{id});
  // The sender waits until all this is recorded: its descriptor is closed after this.
  if (m.barrier && !app_.leaving_as) record_.write();
}

void ReadinessTracker::mark_ready(RunId id, ReadyCondition::Kind kind) {
  const auto& events = app_.spec.ready.events();
  for (std::size_t i = 0; i < events.size(); ++i)
    if (events[i].kind == kind) events_.tell(event::Ready{id, static_cast<int>(i)});
}

bool ReadinessTracker::wants_output() const {
  return std::any_of(runs_.all().begin(), runs_.all().end(),
                     [](const Run& run) { return run.ready && run.ready->wants_output(); });
}

/// Returns the conditions that a run has not met, for people; empty if it only has to live long enough.
std::string ReadinessTracker::unmet_text(const Run& run) const {
  std::string out;
  const auto& events = app_.spec.ready.events();
  for (int i = 0; run.ready && i < static_cast<int>(events.size()); ++i)
    if (!app_.machine.has_shown(run.id, i))
      out += (out.empty() ? "" : ", ") + run.ready->unshown(events[static_cast<std::size_t>(i)], i);
  return out;
}

void ReadinessTracker::queue_unmet() {
  for (const Run& run : runs_.all())
    if (run.ready) events_.queue(event::Unshown{run.id, unmet_text(run)});
}

void ReadinessTracker::begin(RunId id) {
  if (Run* run = runs_.find(id); run != nullptr && run->ready) run->ready->begin();
}

void ReadinessTracker::output(std::string_view bytes) {
  for (Run& run : runs_.all())
    if (run.ready) run.ready->output(bytes);
}

Done ReadinessTracker::equip(RunId id, RunExtras& extras) {
  auto made = make(id, {});
  if (!made) return made.error();
  pending_ = std::move(*made);
  if (!pending_ || pending_->descriptor() < 0) return {};
  extras.fds.push_back({pending_->descriptor(), pending_->number()});
  if (pending_->descriptor_held() >= 0) store_.put(notify_store_name(id), pending_->descriptor_held());
  return {};
}

void ReadinessTracker::not_spawned(RunId id) {
  if (pending_ && pending_->descriptor_held() >= 0) store_.drop(notify_store_name(id));
  pending_.reset();
}

void ReadinessTracker::adopted(Run& run, const Life* life) {
  if (life == nullptr || (life->phase != Phase::starting && life->phase != Phase::spawning)) return;
  if (auto made = make(run.id, store_.take(notify_store_name(run.id)))) run.ready = std::move(*made);
}

void ReadinessTracker::removed(Run& run) {
  if (run.ready && run.ready->descriptor_held() >= 0) store_.drop(notify_store_name(run.id));
}

void ReadinessTracker::announced(const action::Announce& a) {
  const bool current = a.run == app_.machine.run();
  if (a.what == action::What::confirmed || a.what == action::What::stopping)
    if (Run* run = runs_.find(a.run); run != nullptr && run->ready) run->ready->end();
  if (a.what == action::What::stopping && a.cause == Cause::ready_timeout && current) {
    missed_ = app_.machine.waiting_for(app_.spec.ready);
    missed_text_ = a.text;
  }
  if (a.what == action::What::started && current) {
    missed_.clear();
    missed_text_.clear();
  }
}

void ReadinessTracker::describe(Status& s) {
  if (app_.machine.awaits()) return;  // there is no run
  s.waiting_for = s.state == State::starting ? app_.machine.waiting_for(app_.spec.ready) : missed_;
  std::string text = missed_text_;
  if (s.state == State::starting)
    if (const Run* run = runs_.find(s.run)) text = unmet_text(*run);
  if (!text.empty()) s.not_ready = std::move(text);
}

void ReadinessTracker::save(KeptState& state) const {
  state.notify = socket_name();
  state.missed = missed_;
  state.missed_text = missed_text_;
}

void ReadinessTracker::restore(const KeptState& state) {
  missed_ = state.missed;
  missed_text_ = state.missed_text;
}

void ReadinessTracker::add_descriptors(std::vector<HeldFd>& out) const {
  if (notify_) out.push_back({kNotify, notify_->descriptor()});
  for (const Run& run : runs_.all())
    if (run.ready && run.ready->descriptor_held() >= 0)
      out.push_back({notify_store_name(run.id), run.ready->descriptor_held()});
}

}  // namespace keeper
