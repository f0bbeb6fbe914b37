#include "keeper/app/keeper.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "keeper/app/memory.hpp"
#include "keeper/app/moved_home.hpp"
#include "keeper/app/recover.hpp"
#include "keeper/app/spec_backup.hpp"
#include "keeper/child/pidfd.hpp"
#include "protocol/home/clock.hpp"
#include "protocol/home/proc.hpp"
#include "protocol/wire/finally.hpp"

namespace keeper {
namespace {

constexpr Millis kLastWords{2000};     // how long a reader of our output may pause at the end
constexpr Millis kLogLastWords{1000};  // and the log
constexpr Millis kLogAgain{50};
constexpr std::size_t kDrainAtExit = 16 << 20;  // a leftover that floods must not hold up the next run

std::chrono::steady_clock::time_point point(Time time) {
  return std::chrono::steady_clock::time_point(time);
}

/// The numbers of runs go on where the earlier keeper of this app ended.
Snapshot beginning_after(RunId last) {
  Snapshot out;
  out.next_run = last + 1;
  return out;
}

std::uint64_t jitter_seed() {
  return static_cast<std::uint64_t>(getpid()) * 2654435761u + 1;
}

}  // namespace

Result<std::unique_ptr<Keeper>> Keeper::make(RoleTable table) {
  auto home = open_home_of(table, Home::Create::yes);
  if (!home) return home.error();
  table.home = home->path();
  // What the guard holds of the one before counts, whatever became of the files.
  const bool nameless = table.next && !home->is_lock_of(table.stem, table.lock);
  Fd spec_file = take_held(table.held, "spec"), state_file = take_held(table.held, "state");
  if (!spec_file) {
    auto file = home->open_spec(table.stem);
    if (!file) return file.error();
    spec_file = std::move(*file);
  }
  spec_file = home->private_spec(table.stem, std::move(spec_file));
  auto spec = home->read_spec(table.stem, spec_file.get());
  if (!spec) return spec.error();
  std::vector<std::string> environment = std::exchange(spec->environment, {});
  auto page = state_file ? StatePage::open(std::move(state_file), home->state_path(table.stem))
                         : StatePage::open(*home, table.stem);
  std::optional<LeftBehind> left;
  if (page)
    left = table.next ? all_left_behind(*page) : left_behind(*page, table.stem, user_to_run_as(*spec));
  const auto kept = page ? kept_state_in(*page) : std::nullopt;
  const PageFacts known = facts_of(kept, left);
  const auto unknown = find_unknown_run(*home, table, spec, known);
  Earlier earlier = nameless ? Earlier() : read_earlier(*home, table.stem, left || unknown);
  // A number is never given twice: the record may not know of the last run yet.
  earlier.last_run = std::max(earlier.last_run, known.next_run - 1);
  const bool lost = table.next && !known.whole;
  if (unknown || lost) {
    const auto record = nameless ? Result<Status>(Error{}) : home->read_status(table.stem);
    if (unknown)
      left = recovered(record ? *record : Status(), *spec, *unknown, earlier.last_run,
                       page ? page->inbox().written.load() : 0);
    else
      left = recovered_end(record);
  }
  Snapshot machine = left ? left->state.machine : beginning_after(earlier.last_run);
  auto out = std::unique_ptr<Keeper>(
      new Keeper(table, std::move(*home), std::move(*spec), std::move(earlier), std::move(machine)));
  out->take_environment(std::move(environment));
  out->nameless_ = nameless;
  out->use_spec_file(std::move(spec_file));
  // Without room a program is not started that nobody could go on with; one that runs is kept all the same.
  const int no_page = page ? 0 : page.error().errnum;
  if ((no_page == ENOSPC || no_page == EDQUOT) && !table.next && !left) return page.error();
  out->use_page(std::move(page));
  if (Done done = out->open_log(out->output_memory(left, table)); !done) return done.error();
  if (Done done = out->listen_to_program(left ? left->state.notify : "", take_held(table.held, "notify"));
      !done)
    return done.error();
  if (Done done = out->open_listeners(left, table.held); !done) return done.error();
  if (Done done = out->hand_up(); !done) return done.error();
  if (!table.next && !out->not_held_.empty()) return Error{Reason::failed, "keep it", out->at_risk(), 0};
  out->watch_files(take_held(table.held, "watch"));
  out->ready_pipes_ = std::move(table.held);
  if (left) out->take_over(*left);
  if (unknown || lost) out->tell_of_recovery(unknown ? unknown->pid : 0);
  out->drop_unused_pipes();
  out->left_ = std::move(left);
  out->heal_what_is_gone();
  // Last: what goes wrong before is told through the one, and put right under the other.
  out->lock_ = Fd(table.lock);
  if (table.report >= 0) out->use_start_report(table.report);
  return out;
}

Keeper::Keeper(const RoleTable& table, Home home, Spec spec, Earlier earlier, Snapshot machine)
    : table_(table),
      home_(std::move(home)),
      spec_(std::move(spec)),
      machine_(make_policy(spec_, jitter_seed()), std::move(machine)),
      boot_id_(boot_id()),
      recorder_(std::move(earlier.runs), spec_.restart),
      streams_([this] { return event_now("now"); }) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  note_user();
  if (table_.guard >= 0)
    guard_ = std::make_unique<GuardLink>(
        io_, table_.guard,
        GuardHooks{[this] { read_inbox(); }, [this] { on_guard_lost(); },
                   [this](const std::string& name, GuardWord::Kept kept) { on_answer(name, kept); },
                   [this] { guard_follows(); }, [this] { on_silent_guard(); }});
  if (table_.trial && guard_)
    guard_before_ = Fd(open(("/proc/" + std::to_string(guard_->pid()) + "/exe").c_str(), O_PATH | O_CLOEXEC));
  table_.held.clear();
  for (std::string& loss : earlier.losses)
    lifecycle_log_.add(std::move(loss));
  if (table_.foreground) {
    terminal_.open(io_);
  }
  signals_ = std::make_unique<Signals>(io_, [this](const SignalFact& fact) { on_signal(fact); });
  server_ = std::make_unique<Server>(io_, Fd(table.socket), *this);
}

Done Keeper::open_log(OutputMemory memory) {
  OutputHooks hooks;
  hooks.user = &user_;
  hooks.is_watched = [this] { return somebody_watches(); };
  hooks.watch = [this](std::string_view bytes, LogStream from) { on_output(bytes, from); };
  hooks.watch_file = [this](int fd, int before) {
    if (!watch_) return RemovalWatch::kNone;
    watch_->remove(before);
    return watch_->add(fd);
  };
  hooks.pid = [this] { return machine_.pid().value_or(0); };
  hooks.on_memory = [this](std::size_t log, int fd) { hand_up(held_kept_output(log), fd); };
  hooks.on_trouble = [this](const std::string& what, std::uint64_t dropped) {
    on_log_trouble(what, dropped);
  };
  hooks.where = [this, own = spec_.log.empty(), own_error = spec_.error_log == "apart"](
                    LogStream stream, const std::string& given) {
    find_home();
    if (stream == LogStream::err) return own_error ? home_.error_log_path(table_.stem) : given;
    return own ? home_.log_path(table_.stem) : given;
  };
  auto made = AppOutput::make(io_, spec_, log_path(), error_log_path(), std::move(hooks), std::move(memory));
  if (!made) return made.error();
  output_ = std::move(*made);
  lifecycle_log_.use(*output_);
  terminal_.use(*output_);
  waiters_.use(*output_);
  return {};
}

/// Where its program is to say how it is.
Done Keeper::listen_to_program(const std::string& name, Fd known) {
  if (!spec_.watchdog && !spec_.ready.has(ReadyCondition::Kind::notify)) return {};
  auto socket = known ? Result<Fd>(std::move(known)) : make_notify_socket(name);
  if (!socket) return socket.error();
  notify_ = std::make_unique<NotifySocket>(io_, std::move(*socket),
                                           [this](Notification n) { on_notification(std::move(n)); });
  return {};
}

int Keeper::run() {
  name_home();
  go_on();
  if (!leaving_as_) be_asked();
  if (guard_) say_up();
  give_back_memory();  // what its start needed
  while (!leaving_as_ && !gives_way_) {
    try {
      io_.run();
    } catch (const std::bad_alloc&) {
      begin_afresh();
    } catch (const std::exception& error) {
      // Our mistake, and no reason to leave a program alone.
      lifecycle_log_.add(std::string("keeper went on after an internal error: ") + error.what());
      lifecycle_log_.flush();
    }
  }
  if (!leaving_as_) {
    if (!guard_ || guard_->lost()) become_guard();
    return 0;  // for the guard to start the next one
  }
  const int code = exit_code(*leaving_as_);
  leave_guard(table_.guard, code);
  return code;
}

// --- facts

/// Where memory ran out half of something is done, and this heap has no room for the rest: as after a kill
/// another keeper goes on with what is recorded. Without a guard to start that it goes on as it can.
void Keeper::begin_afresh() {
  if (guard_ && !guard_->lost()) _exit(kOutOfMemory);
}

void Keeper::tell(Event event) try {
  events_.push_back(std::move(event));
  if (stepping_) return;
  go_along_with_home();
  // Whatever goes wrong on the way (there may be no memory), the next deadline is waited for.
  Finally armed([this] { arm_anyhow(); });
  stepping_ = true;
  {
    Finally done([this] { stepping_ = false; });
    while (!events_.empty()) {
      Event next = std::move(events_.front());
      events_.pop_front();
      step(next);
    }
  }
  lifecycle_log_.flush();
  if (leaving_as_) return;
  if (!machine_.awaits()) connection_watch_.reset();
  persist();
  record_writer_.update_pid_file();
  record_writer_.note_change();
  watch_adopted_rest();
  for (const action::Announce& a : std::exchange(to_tell_, {}))
    publish(a);
  send_held_back();
} catch (const std::bad_alloc&) {
  begin_afresh();
  throw;
}

/// By a reload: another run has its place.
bool Keeper::was_relieved(RunId id) const {
  const auto& leaving = machine_.snapshot().leaving;
  return std::any_of(leaving.begin(), leaving.end(),
                     [&](const Life& life) { return life.run == id && life.ending == Cause::reload; });
}

/// Its end would take the processor from who waits for the reload's answer, and can wait for that.
void Keeper::send_held_back() {
  if (held_back_.empty()) return;
  for (const KeptSignal& one : held_back_)
    perform(action::Signal{one.run, one.signal, one.scope});
  held_back_.clear();
  persist();
  if (events_.empty()) return;
  Event refused = std::move(events_.front());
  events_.pop_front();
  tell(std::move(refused));
}

Keeper::Run* Keeper::find(RunId id) {
  auto it = std::find_if(runs_.begin(), runs_.end(), [&](const Run& r) { return r.id == id; });
  return it == runs_.end() ? nullptr : &*it;
}

void Keeper::forget(RunId id) {
  if (Run* run = find(id)) drop_held(*run);
  runs_.remove_if([&](const Run& r) { return r.id == id; });
}

void Keeper::on_exit(RunId id) {
  if (notify_) notify_->drain();  // what it said comes before its end; it may have named another main process
  Run* run = find(id);
  if (run == nullptr || run->main_ended) return;
  // A main process that moved may be no child of ours: only its pidfd says that it has ended.
  const bool no_child = run->pid != run->session || run->keeper != 0;
  if (no_child && !has_ended(run->pidfd.native_handle())) return;
  std::optional<Used> used;
  run->exit = status_of(*run, &used);
  if (!run->exit) return;
  persist();
  if (!no_child) take_end(run->pid);
  end_main(*run, *run->exit, used);
}

/// The end of a run's main process is known, and recorded.
void Keeper::end_main(Run& ended, const ExitInfo& exit, const std::optional<Used>& used) {
  const RunId id = ended.id;
  Run* run = &ended;
  run->main_ended = true;
  output_->drain(kDrainAtExit);  // its last words come before the line that says how it ended
  run = find(id);                // they may have shown that it was ready
  if (run != nullptr && run->ready) run->ready->drain();
  run = find(id);
  if (run != nullptr && run->channel) run->channel->drain();
  run = find(id);
  if (run == nullptr) return;
  output_->end_run();
  if (run->ready) run->ready->end();
  if (spec_.kill_mode == KillMode::process) leave_alone(*run);
  std::vector<int> rest;
  if (spec_.kill_mode != KillMode::process && (run->keeper != 0 || has_other_children(other_mains(run))))
    rest = tree_of(ids_of(*run));
  const bool leftovers = !rest.empty();
  const bool out_of_memory = note_exit(*run, exit, used, rest);
  run->exit.reset();    // from the next step on the machine knows
  std::list<Run> gone;  // what it held is given back when the next one is on its way
  if (leftovers) {
    std::error_code ignored;
    run->pidfd.close(ignored);
  } else {
    drop_held(*run);
    gone.splice(gone.end(), runs_,
                std::find_if(runs_.begin(), runs_.end(), [&](auto& r) { return r.id == id; }));
  }
  tell(event::Exited{id, exit, leftovers, out_of_memory});
  rest = not_permitted(rest);
  run = find(id);
  if (run != nullptr && !rest.empty()) tell(event::Refused{id, not_permitted_text(rest)});
  on_child_signal();  // strangers that had to wait behind it
}

void Keeper::on_signal(const SignalFact& fact) {
  if (fact.number != SIGCHLD && said_by_both(fact)) return;
  switch (fact.number) {
    case SIGCHLD: return on_child_signal();
    case SIGINT:
    case SIGQUIT:
    case SIGTERM: return on_interrupt(fact);
    case SIGUSR1: return heal();  // ctl, which sees our lock and no socket
    case SIGHUP:
      // The terminal went away. The program is kept all the same, without its echo.
      return terminal_.hang_up();
    default: return;
  }
}

void Keeper::on_interrupt(const SignalFact& fact) {
  if (terminal_.interrupted(fact.number))
    tell_for(asker_of(fact), event::StopNow{});
  else
    tell_for(asker_of(fact), event::Stop{});
}

void Keeper::on_child_signal() {
  if (notify_) notify_->drain();  // before a sender is gone without a trace
  std::vector<int> ours = other_mains(nullptr);
  reap_strangers([&](int pid) { return std::find(ours.begin(), ours.end(), pid) != ours.end(); });
  std::vector<RunId> ids;
  for (const Run& run : runs_)
    ids.push_back(run.id);
  for (RunId id : ids) {
    Run* run = find(id);
    if (run == nullptr) continue;
    if (run->main_ended) {
      look_for_rest(*run);
      continue;
    }
    look_for_stop(*run);
    on_exit(id);  // a tracer may have had its status when the pidfd spoke: then this is the second chance
  }
}

/// Whether its main process was stopped by a signal, or goes on.
void Keeper::look_for_stop(Run& run) {
  auto change = stop_or_continue(run.pidfd.native_handle());
  if (change == StopChange::stopped) tell(event::Suspended{run.id});
  if (change == StopChange::continued) tell(event::Continued{run.id});
}

/// What a run leaves behind with kill_mode process belongs to no run from now on.
void Keeper::leave_alone(const Run& run) {
  std::erase_if(left_alone_, [](const KeptProcess& left) { return !lives(left); });
  for (int pid : tree_of(ids_of(run)))
    if (auto start = process_start(pid)) left_alone_.push_back({pid, *start});
}

/// Whether anything is left of a run whose main process has ended.
void Keeper::look_for_rest(Run& run) {
  std::vector<int> rest = tree_of(ids_of(run));
  RunId id = run.id;
  if (rest.empty()) {
    forget(id);
    return tell(event::TreeEmpty{id});
  }
  if (!machine_.stuck().empty()) survivors_ = rest;
  if (run.kill_all) send_to(run, SIGKILL, rest);
}

bool Keeper::somebody_watches() const {
  return terminal_.is_open() || std::any_of(runs_.begin(), runs_.end(), [](const Run& run) {
           return run.ready && run.ready->wants_output();
         });
}

void Keeper::on_output(std::string_view bytes, LogStream from) {
  if (!output_->keeps_files()) recorder_.add_output(bytes);
  for (Run& run : runs_)
    if (run.ready) run.ready->output(bytes);
  terminal_.output(bytes, from);
}

// --- actions

void Keeper::step(const Event& event) {
  const std::vector<Action> actions = machine_.step(event, steady_now());
  if (machine_.wanted() == Wanted::up) forget_ = Forget::nothing;  // the stop that asked for it is overtaken
  for (const Action& action : actions)
    if (const auto* signal = std::get_if<action::Signal>(&action))
      (was_relieved(signal->run) ? held_back_ : unsent_)
          .push_back({signal->run, signal->signal, signal->scope});
  if (!actions.empty()) persist();  // before anybody can know of it
  unsent_.clear();
  for (const Action& action : actions) {
    const auto* signal = std::get_if<action::Signal>(&action);
    if (signal == nullptr || !was_relieved(signal->run))
      std::visit([this](const auto& a) { perform(a); }, action);
  }
  follow_current();
}

/// What is told of the app is told of the run that counts: when a reload's new run takes that place, with all
/// that is known of it by then.
void Keeper::follow_current() {
  const Run* run = find(machine_.run());
  if (run == nullptr || run->id == shown_) return;
  shown_ = run->id;
  started_at_ = run->started_at;
  started_ = run->began;
  confirmed_at_ = run->confirmed_at;
  pid_start_ = run->start;
  said_ = run->said;
  stopped_at_.reset();
}

/// Children of this process that are no part of `but`: other runs, and commands that ask whether one is
/// ready.
std::vector<int> Keeper::other_mains(const Run* but) const {
  std::vector<int> out;
  for (const KeptProcess& left : left_alone_)
    if (but != nullptr && lives(left)) out.push_back(left.pid);
  for (const Run& run : runs_) {
    if (&run != but && !run.main_ended) out.push_back(run.pid);
    if (!run.ready) continue;
    for (int pid : run.ready->pids())
      out.push_back(pid);
  }
  for (int pid : output_->pids())
    out.push_back(pid);
  return out;
}

RunIds Keeper::ids_of(const Run& run) const {
  RunIds out{run.main_ended ? 0 : run.pid, run.session, other_mains(&run)};
  out.beside = runs_.size() > 1;
  out.user = run.user;
  if (run.keeper == 0) return out;
  out.marks = run_marks(spec_.name, run.keeper);
  out.guard = guard_ ? guard_->pid() : 0;
  out.keeper = run.keeper;
  return out;
}

void Keeper::perform(const action::Signal& wanted) {
  Run* run = find(wanted.run);
  if (run == nullptr) return;
  if (wanted.signal <= 0) return send_word(*run, wanted.signal);
  if (!may_signal_main(*run)) {  // the rest gets no signal either: the program stays as it is
    signal_error_ = EPERM;
    return refused(*run, {run->pid});
  }
  if (wanted.signal == SIGKILL) run->sent_kill = true;
  if (wanted.signal == SIGKILL && wanted.scope == Scope::tree) run->kill_all = true;
  send_signal(*run, wanted.signal, wanted.scope);
}

void Keeper::perform(const action::Announce& a) {
  if (a.what == action::What::survivors || a.what == action::What::refused)
    if (Run* run = find(a.run)) survivors_ = tree_of(ids_of(*run));
  if (a.what == action::What::confirmed || a.what == action::What::stopping)
    if (Run* run = find(a.run); run != nullptr && run->ready) run->ready->end();
  if (a.what == action::What::reloaded) keep_spec();
  if (a.what == action::What::reload_failed) {  // before anything else is spawned
    put_back_spec();
    if (a.run != 0) take_sockets_from(a.run);
  }
  if (a.what == action::What::killing)
    if (Run* run = find(a.run)) run->why_killed = a.text;
  const bool current = a.run == machine_.run();
  bool too_late = a.what == action::What::stopping && a.cause == Cause::ready_timeout;
  if (too_late && current) {
    missed_ = machine_.waiting_for(spec_.ready);
    missed_text_ = a.text;
  }
  if (a.what == action::What::confirmed) {
    if (Run* run = find(a.run)) run->confirmed_at = wall_now();
    if (a.run == shown_) confirmed_at_ = wall_now();
    drop_unused_sockets();
    asio::post(io_, [] { give_back_memory(); });
  }
  if (a.what == action::What::main_moved && a.run == shown_) pid_start_ = process_start(a.pid);
  if (a.what == action::What::exited) {
    last_exit_at_ = wall_now();
    if (a.run == shown_) stopped_at_ = last_exit_at_;
  }
  if (a.what == action::What::started && current) {
    missed_.clear();
    missed_text_.clear();
    survivors_.clear();
    if (first_record_) confirm_first_record(home_, table_.stem);
    first_record_ = false;
  }
  recorder_.note(a, wall_now(), steady_now());
  for (Part* part : parts_)
    part->announced(a);
  to_tell_.push_back(a);
}

void Keeper::perform(const action::Leave& leave) {
  output_->drain(kDrainAtExit);
  if (!never_ran(leave.state)) lifecycle_log_.flush();
  leave_when_written(leave.state, steady_now() + kLogLastWords);
}

/// Whether this app never was one: it leaves nothing behind.
bool Keeper::never_ran(State leaves_as) const {
  return first_record_ && leaves_as == State::fatal;
}

/// A log that takes nothing has a little while more for what is kept of the output.
void Keeper::leave_when_written(State as, Time until) {
  if (output_->try_again() || steady_now() >= until) return leave(as);
  leaving_.expires_after(kLogAgain);
  leaving_.async_wait([this, as, until](std::error_code error) {
    if (!error) leave_when_written(as, until);
  });
}

/// Deletes what was asked to be deleted with the stop: who asked may have been a process of the run. An
/// earlier keeper may have been killed in the middle of that: then nobody has the name, and no directory.
void Keeper::forget() {
  if (forget_ == Forget::nothing) return;
  Result<Fd> lock = Error{};
  if (nameless_ && access(home_.app_dir(table_.stem).c_str(), F_OK) == 0) return;
  if (nameless_ && !(lock = home_.lock(table_.stem, Millis(0)))) return;
  Done done = forget_ == Forget::all ? output_->remove_files() : Done();
  if (done) done = home_.remove_app(table_.stem);
  if (!done) terminal_.notice(table_.stem + ": cannot delete it: " + done.error().text());
}

/// The end of the app, in this order: what is known is written, the socket goes, who waits is told, the lock
/// goes last.
void Keeper::leave(State as) {
  leaving_as_ = as;
  recorder_.note_end(as, machine_.reason());
  // Where descriptors are few, the record and what is removed need these: there is a spec file always.
  watch_.reset();
  program_watch_.reset();
  sampler_ = Sampler();
  spec_file_.reset();
  null_.reset();
  output_->give_up();
  record_writer_.update_pid_file();
  if (listeners_) listeners_->remove_paths();
  if (!nameless_) home_.unlink_socket(table_.stem);
  unlink_sockets();
  if (never_ran(as) && undo_first_record(home_, table_.stem, table_.fresh))
    lifecycle_log_.discard();
  else
    record_writer_.write_last(page_);
  lifecycle_log_.flush();
  output_->finish();
  forget();
  waiters_.app_ended();
  for (const Flush& flush : std::exchange(flushes_, {}))
    flush.answer.fail({Reason::failed, "flush " + table_.stem, "it was stopped meanwhile", 0});
  take_leave();
  log_feeds_.finish();
  // For who waits for a start it is none, however well its run ended.
  waiters_.report_start(StartReport::Kind::failed, std::max(1, exit_code(as)));
  asked_.reset();
  server_->close();
  io_.stop();
  terminal_.finish(kLastWords);
}

/// What a run has not shown, in words; empty where that is only that it lives long enough.
std::string Keeper::unshown(const Run& run) const {
  std::string out;
  const auto& events = spec_.ready.events();
  for (int i = 0; run.ready && i < static_cast<int>(events.size()); ++i)
    if (!machine_.has_shown(run.id, i))
      out += (out.empty() ? "" : ", ") + run.ready->unshown(events[static_cast<std::size_t>(i)], i);
  return out;
}

/// The Tick that follows may be the end of a start.
void Keeper::note_unshown() {
  for (const Run& run : runs_)
    if (run.ready) events_.push_back(event::Unshown{run.id, unshown(run)});
}

void Keeper::arm_anyhow() {
  if (leaving_as_) return;
  try {
    arm();
  } catch (const std::exception&) {
    armed_.reset();  // the next event tries again
  }
}

void Keeper::arm() {
  auto next = machine_.deadline();
  if (next == armed_) return;
  armed_ = next;
  if (!next) {
    deadline_.cancel();
    return;
  }
  deadline_.expires_at(point(*next));
  deadline_.async_wait([this](std::error_code error) {
    if (error) return;
    armed_.reset();
    look_for_adopted_rest();  // a deadline for their end may be shorter than the time between two looks
    if (leaving_as_) return;
    note_unshown();
    tell(event::Tick{});
  });
}

}  // namespace keeper
