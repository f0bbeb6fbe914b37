#include "keeper/app/keeper.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <csignal>
#include <new>
#include <utility>

#include "keeper/app/memory.hpp"
#include "keeper/app/stop_wish.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/scope_exit.hpp"
#include "protocol/base/users.hpp"
#include "protocol/wire/exit.hpp"

namespace keeper {
namespace {

constexpr Millis kLastWords{2000};     // how long a reader of our output may pause at the end
constexpr Millis kLogLastWords{1000};  // and the log
constexpr Millis kLogAgain{50};

std::chrono::steady_clock::time_point point(Time time) {
  return std::chrono::steady_clock::time_point(time);
}

struct Free {
  void operator()(void* memory) const { operator delete(memory); }
};

Asker asker_of(const SignalFact& fact) {
  if (fact.from_terminal) return {fact.number == SIGQUIT ? "Ctrl-\\" : "Ctrl-C", {}, {}, {}};
  return {signal_name(fact.number), fact.pid, fact.uid, passwd_name(fact.uid)};
}

}  // namespace

Result<std::unique_ptr<Keeper>> Keeper::make(RoleTable table) {
  // Allocated before what is only needed to begin: that would leave a hole of a page below it for good.
  std::unique_ptr<void, Free> place(operator new(sizeof(Keeper)));
  auto found = find_beginning(table);
  if (!found) return found.error();
  auto out = std::unique_ptr<Keeper>(new (place.get()) Keeper(std::move(table), *found));
  static_cast<void>(place.release());
  if (Done done = out->open(*found); !done) return done.error();
  return out;
}

Keeper::Keeper(RoleTable table, Beginning& begin)
    : app_(std::move(table), std::move(begin.home), std::move(begin.spec), std::move(begin.runs),
           std::move(begin.machine)),
      deadline_(app_.io),
      leaving_(app_.io),
      parts_(app_, *this),
      stepper_(app_, *this, parts_.list) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  app_.name_lost = begin.name_lost;
  for (std::string& loss : begin.losses)
    parts_.log.add(std::move(loss));
  if (app_.table.foreground) parts_.terminal.open(app_.io);
  signals_ = std::make_unique<Signals>(app_.io, [this](const SignalFact& fact) { signalled(fact); });
  parts_.control.open(Fd(app_.table.socket));
}

/// Opens all that the parts work with. The lock and the report of the start come last: an error before is
/// reported through the one, and undone under the other.
Done Keeper::open(Beginning& begin) {
  parts_.configuration.use(std::move(begin.spec_file), std::move(begin.environment));
  parts_.journal.use(std::move(begin.page));
  const std::optional<LeftBehind>& left = begin.left;
  if (Done done = parts_.app_log.open(left); !done) return done;
  parts_.log.use(*app_.output);
  parts_.terminal.use(*app_.output);
  parts_.waiters.use(*app_.output);
  if (Done done = parts_.readiness.open_socket(left ? left->state.notify : ""); !done) return done;
  if (Done done = parts_.listen.open(left); !done) return done;
  if (Done done = parts_.store.put_all(); !done) return done;
  if (!app_.table.next && !parts_.store.holds_all())
    return Error{Reason::failed, "keep it", parts_.risk.text(), 0};
  parts_.files.watch(parts_.store.take("watch"));
  if (left) take_over(*left);
  if (begin.recovered) report_recovery(begin.found_pid);
  parts_.channels.close_unused();
  parts_.store.take_rest("");
  left_ = std::move(begin.left);
  parts_.files.repair_missing();
  parts_.files.hold(Fd(app_.table.lock));
  if (app_.table.report >= 0)
    parts_.waiters.use_start_report(Fd(app_.table.report), [this] {
      app_.table.report = -1;
      parts_.store.drop("report");
    });
  return {};
}

int Keeper::run() {
  parts_.files.name_home();
  resume();
  if (!app_.leaving_as) parts_.control.open_datagrams(parts_.files.lock());
  parts_.guard.say_up();
  give_back_memory();  // what its start needed
  while (!app_.is_over()) {
    try {
      app_.io.run();
    } catch (const std::bad_alloc&) {
      exit_out_of_memory();
    } catch (const std::exception& error) {
      // A fault of this program is no reason to leave the app alone.
      parts_.log.add(std::string("keeper went on after an internal error: ") + error.what());
      parts_.log.flush();
    }
  }
  if (!app_.leaving_as) {
    if (!parts_.guard.is_there()) parts_.guard.become_guard();
    return 0;  // for the guard to start a successor
  }
  const int code = exit_code(*app_.leaving_as);
  leave_guard(app_.table.guard, code);
  return code;
}

// --- facts

void Keeper::exit_out_of_memory() {
  if (parts_.guard.is_there()) _exit(kOutOfMemory);
}

void Keeper::tell_for(Asker asker, Event event) {
  app_.recorder.set_asker(std::move(asker));
  bool down = std::holds_alternative<event::Stop>(event) || std::holds_alternative<event::StopNow>(event);
  app_.recorder.note_wish(down ? Wanted::down : Wanted::up);
  tell(std::move(event));
  app_.recorder.set_asker(std::nullopt);
}

void Keeper::tell(Event event) try {
  if (stepper_.is_stepping()) return stepper_.queue(std::move(event));
  parts_.files.follow_home();
  // Whatever goes wrong on the way (there may be no memory), the next deadline is waited for.
  Finally armed([this] { arm_anyhow(); });
  stepper_.tell(std::move(event));
} catch (const std::bad_alloc&) {
  exit_out_of_memory();
  throw;
}

void Keeper::save(const std::vector<Action>& actions) {
  parts_.signaller.note(actions);
  if (!actions.empty()) parts_.journal.save();
  parts_.signaller.first_sent();
}

void Keeper::record() {
  parts_.log.flush();
  parts_.listen.stop_waiting();
  parts_.journal.save();
  parts_.record.update_pid_file();
  parts_.record.note_change();
  parts_.ends.poll_rest();
}

void Keeper::published() {
  if (parts_.signaller.send_last()) parts_.journal.save();
}

void Keeper::signalled(const SignalFact& fact) {
  if (fact.number != SIGCHLD && parts_.guard.is_told_twice(fact)) return;
  switch (fact.number) {
    case SIGCHLD: return parts_.ends.look();
    case SIGINT:
    case SIGQUIT:
    case SIGTERM:
      if (parts_.terminal.interrupted(fact.number)) return tell_for(asker_of(fact), event::StopNow{});
      return tell_for(asker_of(fact), event::Stop{});
    case SIGUSR1: return parts_.files.repair();     // ctl, which sees our lock and no socket
    case SIGHUP: return parts_.terminal.hang_up();  // the program is kept all the same
    default: return;
  }
}

// --- actions

void Keeper::perform(const action::Leave& leave) {
  app_.output->drain(kDrainAtExit);
  if (!app_.never_ran(leave.state)) parts_.log.flush();
  leave_when_written(leave.state, steady_now() + kLogLastWords);
}

void Keeper::arm_anyhow() {
  if (app_.leaving_as) return;
  try {
    arm();
  } catch (const std::exception&) {
    armed_.reset();  // the next event tries again
  }
}

void Keeper::arm() {
  auto next = app_.machine.deadline();
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
    parts_.ends
        .look_for_adopted_rest();  // a deadline for their end may be shorter than the time between two looks
    if (app_.leaving_as) return;
    parts_.readiness.queue_unmet();
    tell(event::Tick{});
  });
}

// --- succession

/// Takes over what a predecessor has saved, with the runs that live.
void Keeper::take_over(const LeftBehind& left) {
  const KeptState& state = left.state;
  app_.first_start = !state.started_at && !state.machine.awaits;
  if (app_.table.next && state.machine.wanted == Wanted::down) app_.forget = state.forget;
  for (Part* part : parts_.list)
    part->restore(state);
  remember_end(app_.recorder, state);
  if (left.claimed_run != 0) parts_.runs.adopt(claimed_run(left, app_.spec));
  for (Run& run : parts_.runs.all()) {
    const Life* life = life_of(state.machine, run.id);
    if (!run.main_ended && !run.pidfd.is_open()) parts_.ends.note_lost(run.id);
    if (run.pidfd.is_open())
      for (Part* part : parts_.list)
        part->adopted(run, life);
    if (life != nullptr && life->pid != 0 && !life->exit)
      app_.recorder.resume(run.id, life->pid, run.started_at, run.confirmed_at, run.why_killed);
  }
  const std::string own = "keeper " + std::to_string(app_.own_pid);
  if (!app_.table.next)
    parts_.log.add_at_line_start(own + " goes on for keeper " + std::to_string(state.keeper) +
                                 ", which was killed; the program runs on as pid " +
                                 std::to_string(left.pid));
  else if (std::string how = end_of_predecessor(app_.table.died); !how.empty())
    parts_.log.add_at_line_start(own + " goes on for one that " + how);
}

/// Says in the log that the state page was of no use. `pid`: of the program that was found all the same; 0:
/// none.
void Keeper::report_recovery(int pid) {
  parts_.log.add_at_line_start("keeper " + std::to_string(app_.own_pid) + " has found " +
                               app_.home.state_path(app_.stem()) + " missing, damaged or out of date; " +
                               (pid != 0
                                    ? "it goes on with the program, which runs as pid " + std::to_string(pid)
                                    : std::string("no program of it was left")));
}

/// The first thing in the loop.
void Keeper::resume() {
  auto left = std::exchange(left_, std::nullopt);
  const auto to_stop = StopWish::parse(app_.table.to_stop);
  // The command asks again at the socket: there it is answered how the stop went.
  if (to_stop) parts_.waiters.report_start(StartReport::Kind::kept_on, 0);
  if (!left && to_stop) return perform(action::Leave{State::stopped});  // it has ended meanwhile
  if (!left) {
    parts_.guard.skip_inbox();
    parts_.journal.save();
    return app_.spec.lazy ? begin_lazily() : tell(event::Start{});
  }
  if (left->state.machine.finished) return perform(action::Leave{left->state.machine.ends_as});
  parts_.log.look_for_line_start();
  // First of all: what has ended meanwhile must not be started again. A keeper that has begun the stop has
  // written the page, and what is wanted since then stands there.
  const bool stops = to_stop && (!app_.table.next || to_stop->left_by == left->state.keeper);
  if (stops) tell_for(to_stop->asker(), event::Stop{to_stop->cause()});
  if (!app_.leaving_as) replay(*left, stops);
  if (!app_.leaving_as) tell_wish(*left, stops);
  if (!app_.leaving_as) report_takeover();
  if (!app_.leaving_as) parts_.listen.await_connection();
}

/// There is no run until somebody connects. The command that waits for the start need not wait for that.
void Keeper::begin_lazily() {
  parts_.configuration.confirm_first_start();
  tell(event::Await{});
  parts_.listen.await_connection();
  if (!app_.machine.awaits()) return;
  parts_.waiters.report_start(StartReport::Kind::waiting, 0);
  parts_.terminal.notice(app_.stem() + ": waits for its first connection at " + parts_.listen.addresses());
}

/// Does what a predecessor had decided, and may not have done; tells what has ended meanwhile.
void Keeper::replay(const LeftBehind& left, bool stops) {
  for (const auto* life : {&left.state.machine.serving, &left.state.machine.incoming}) {
    if (!*life || (*life)->phase != Phase::spawning) continue;
    if ((*life)->run == left.claimed_run)
      tell(event::SpawnSucceeded{left.claimed_run, left.claimed_pid});
    else if (stops)
      tell(event::SpawnFailed{(*life)->run, false, "it was stopped before its start"});
    else
      perform(action::Spawn{(*life)->run});
  }
  for (const KeptSignal& signal : left.state.signals)
    parts_.signaller.send(action::Signal{signal.run, signal.signal, signal.scope});
  for (RunId id : parts_.runs.ids()) {
    parts_.readiness.begin(id);
    parts_.channels.begin(id);
  }
  parts_.ends.tell_lost();
  if (!app_.leaving_as) parts_.ends.look();  // what was waited for may be gone already
}

/// Tells the machine what is wanted of the program by now.
void Keeper::tell_wish(const LeftBehind& left, bool stops) {
  if (!app_.table.next && stops) return tell(event::Tick{});
  if (!app_.table.next && app_.table.replace) return tell_for({"replace", {}, {}, {}}, event::Restart{});
  if (!app_.table.next && app_.machine.wanted() == Wanted::down) return tell(event::Start{});
  if (app_.table.next) parts_.guard.read_inbox();
  if (!app_.leaving_as) tell(event::Tick{});
  if (app_.table.next && !app_.leaving_as && left.ends) tell(event::Stop{});
}

/// Reports to the command that waits for the start.
void Keeper::report_takeover() {
  if (!app_.machine.stuck().empty()) return parts_.waiters.report_start(StartReport::Kind::failed, 1);
  const bool kept_on = app_.machine.ready() && !app_.table.replace;
  if (app_.table.next && kept_on) return parts_.waiters.report_start(StartReport::Kind::confirmed, 0);
  if (app_.table.next && !app_.machine.pid()) return;
  parts_.waiters.report_start(kept_on ? StartReport::Kind::kept_on : StartReport::Kind::spawned, 0);
}

// --- the end

/// A log that takes nothing has a little while more for the output that is kept.
void Keeper::leave_when_written(State as, Time until) {
  if (app_.output->try_again() || steady_now() >= until) return leave(as);
  leaving_.expires_after(kLogAgain);
  leaving_.async_wait([this, as, until](std::error_code error) {
    if (!error) leave_when_written(as, until);
  });
}

/// Deletes what was asked to be deleted with the stop: the client may have been a process of the run. A
/// predecessor may have been killed in the middle of that: then nobody has the name, and no directory.
void Keeper::delete_app() {
  if (app_.forget == Forget::nothing) return;
  Result<Fd> lock = Error{};
  if (app_.name_lost && access(app_.home.app_dir(app_.stem()).c_str(), F_OK) == 0) return;
  if (app_.name_lost && !(lock = app_.home.lock(app_.stem(), Millis(0)))) return;
  Done done = app_.forget == Forget::all ? app_.output->remove_files() : Done();
  if (done) done = app_.home.remove_app(app_.stem());
  if (!done) parts_.terminal.notice(app_.stem() + ": cannot delete it: " + done.error().text());
}

/// The end of the app, in this order: what is known is written, the socket goes, waiting clients are
/// answered, the lock goes last.
void Keeper::leave(State as) {
  app_.leaving_as = as;
  app_.recorder.note_end(as, app_.machine.reason());
  // Where descriptors are few, the record and what is removed need these: there is a spec file always.
  parts_.files.stop_watching();
  parts_.program.stop();
  parts_.status.forget_usage();
  parts_.configuration.close_file();
  parts_.spawner.close();
  app_.output->give_up();
  parts_.record.update_pid_file();
  parts_.listen.remove_paths();
  if (!app_.name_lost) app_.home.unlink_socket(app_.stem());
  parts_.cluster.unlink();
  if (app_.never_ran(as) && parts_.configuration.undo_first_start())
    parts_.log.discard();
  else
    parts_.record.write_last(parts_.journal.page());
  parts_.log.flush();
  app_.output->finish();
  delete_app();
  parts_.waiters.app_ended();
  stepper_.publish_last(parts_.subscribers);
  parts_.subscribers.send_left();
  parts_.app_log.finish();
  // For a command that waits for the start it is none, however well its run ended.
  parts_.waiters.report_start(StartReport::Kind::failed, std::max(1, exit_code(as)));
  parts_.control.close();
  app_.io.stop();
  parts_.terminal.finish(kLastWords);
}

/// Returns the program's own exit code, as a shell gives it; 126 or 127 if it could not be executed.
int Keeper::exit_code(State left_as) const {
  const auto& error = parts_.spawner.error();
  if (app_.first_start && error && error->stage == Stage::pid_file) return 1;
  if (app_.first_start && !app_.machine.spawn_error().empty())
    return error && error->errnum == ENOENT ? 127 : 126;
  if (!app_.machine.last_end()) return left_as == State::fatal ? 1 : 0;
  int code = shell_code(app_.machine.last_end()->exit);
  return left_as == State::fatal && code == 0 ? 1 : code;
}

}  // namespace keeper
