// What outlives a keeper: what it writes into its state page, and how the next one goes on from there.
#include <unistd.h>

#include <algorithm>
#include <new>
#include <utility>

#include "keeper/app/keeper.hpp"
#include "keeper/app/spec_backup.hpp"
#include "keeper/app/stop_wish.hpp"
#include "keeper/child/pidfd.hpp"
#include "protocol/home/clock.hpp"
#include "protocol/home/discard.hpp"
#include "protocol/home/proc.hpp"

namespace keeper {
namespace {

constexpr Millis kLookForRest{50};
constexpr Millis kLookForStuck{1000};  // what cannot be ended may stay for days
constexpr Millis kProtectAgain{1000};
constexpr std::size_t kLeftMost = 256;  // processes, the last ones, for which the page has room

const Life* life_of(const Snapshot& machine, RunId run) {
  for (const auto* slot : {&machine.serving, &machine.incoming})
    if (*slot && (*slot)->run == run) return &**slot;
  for (const Life& life : machine.leaving)
    if (life.run == run) return &life;
  return nullptr;
}

/// How the one before has ended, if not as it was told to. `died`: RoleTable::died.
std::string end_of_keeper(int died) {
  const bool exited = (died & 1 << 16) != 0;
  const int code = died >> 8 & 0xff;
  if (exited && code == kOutOfMemory) return "had no memory left";
  if (exited) return code == 0 ? "" : "ended with code " + std::to_string(code);
  return died == 0 || died == SIGKILL ? "" : "was ended by " + signal_name(died);
}

/// `count`: of descriptors, of which `name` is the first.
std::string cannot_hand_up(const std::string& name, std::size_t count, const std::string& why) {
  const std::string others = count > 1 ? " and " + std::to_string(count - 1) + " others" : "";
  return "cannot hand descriptor " + name + others + " up: " + why;
}

}  // namespace

// --- what is written

/// A keeper without a page keeps its program all the same, and tries again.
void Keeper::use_page(Result<StatePage> page) {
  if (page)
    page_.emplace(std::move(*page));
  else
    return note_page(page.error());
  note_page({});
}

/// Returns why nobody could go on where this keeper is, should it be killed now, and what to do about it;
/// empty: nothing is in the way.
std::string Keeper::at_risk() const {
  if (!no_guard_.empty()) return no_guard_;
  if (!page_trouble_.empty()) return page_trouble_;
  if (!not_held_.empty()) {
    const auto& [name, why] = *not_held_.begin();
    return cannot_hand_up(name, not_held_.size(), why);
  }
  const std::vector<std::string> overdue = guard_ ? guard_->overdue() : std::vector<std::string>();
  if (overdue.empty()) return {};
  const std::string guard = std::to_string(guard_->pid());
  return cannot_hand_up(overdue.front(), overdue.size(),
                        "its guard, pid " + guard + ", does not answer; 'kill -CONT " + guard +
                            "' wakes a suspended one, 'kill -KILL " + guard + "' has it replaced");
}

void Keeper::note_page(const Done& done) {
  std::string trouble = done ? "" : done.error().text();
  const int cause = done ? 0 : done.error().errnum;
  if (cause == ENOSPC || cause == EDQUOT) trouble += "; make room on the disk of " + home_.path();
  if (cause == EMFILE)
    trouble += "; 'prlimit --pid " + std::to_string(own_pid_) +
               " --nofile=4096:' gives this keeper more descriptors";
  if (trouble == page_trouble_) return;
  page_trouble_ = std::move(trouble);
  tell_of_risk();
}

void Keeper::not_held(const std::string& name, const std::string& why) {
  not_held_[name] = why;
  tell_of_risk();
}

/// The guard holds what was handed up, or says why not.
void Keeper::on_answer(const std::string& name, GuardWord::Kept kept) {
  const std::string guard = std::to_string(guard_->pid());
  if (kept == GuardWord::held)
    not_held_.erase(name);
  else if (kept == GuardWord::none_came)
    not_held(name, "its guard, pid " + guard +
                       ", has as many open descriptors as it may have; 'prlimit --pid " + guard +
                       " --nofile=4096:' permits more");
  else
    not_held(name, "its guard, pid " + guard + ", has no room for it; 'kill -KILL " + guard +
                       "' has a guard of this version replace it");
}

/// Tells of a risk that begins or ends, and tries again each second while there is one.
void Keeper::tell_of_risk() {
  const std::string now = at_risk();
  if (now.empty() != risk_said_.empty()) {
    lifecycle_log_.add(now.empty() ? "the program would survive the end of this keeper again"
                                   : "should this keeper be killed, nobody can go on where it was: " + now);
    tell_of_message(machine_.run(), now.empty() ? "at_risk_no_more" : "at_risk", now);
  }
  risk_said_ = now;
  if (now.empty() || leaving_as_) return static_cast<void>(protect_again_.cancel());
  protect_again_.expires_after(kProtectAgain);
  protect_again_.async_wait([this](std::error_code error) {
    if (error || leaving_as_ || gives_way_) return;
    hold_again();
    if (page_has_name_)
      persist();
    else
      renew_page();
    tell_of_risk();
    lifecycle_log_.flush();
  });
}

KeptState Keeper::kept_state() const {
  KeptState out;
  out.boot = boot_id_;
  out.keeper = getpid();
  out.machine = machine_.snapshot();
  for (const Run& run : runs_)
    out.runs.push_back({run.id,
                        run.pid,
                        run.start,
                        run.session,
                        run.keeper != 0 ? run.keeper : getpid(),
                        run.main_ended,
                        run.kill_all,
                        run.sent_kill,
                        run.since,
                        run.exit,
                        run.skips,
                        run.channel ? run.twin : -1,
                        run.started_at,
                        run.confirmed_at,
                        run.began,
                        run.said.status,
                        run.said.doing,
                        run.user,
                        run.half_sent,
                        run.why_killed,
                        run.oom});
  out.started_at = started_at_;
  out.confirmed_at = confirmed_at_;
  out.stopped_at = stopped_at_;
  out.last_exit_at = last_exit_at_;
  out.started = started_;
  out.pipes = output_->pipe_inodes();
  if (notify_) out.notify = notify_->environment();
  out.said_status = said_.status;
  out.said_doing = said_.doing;
  out.missed = missed_;
  out.missed_text = missed_text_;
  out.survivors = survivors_;
  out.inbox = inbox_;
  out.signals = unsent_;
  out.signals.insert(out.signals.end(), held_back_.begin(), held_back_.end());
  out.twin = twin_;
  for (const ServedSocket& socket : sockets_)
    out.sockets.push_back(socket.kept);
  out.listeners = kept_listeners();
  out.upgrades = upgrades_;
  const std::size_t left = std::min(left_alone_.size(), kLeftMost);
  out.left.assign(left_alone_.end() - static_cast<std::ptrdiff_t>(left), left_alone_.end());
  if (machine_.wanted() == Wanted::down) out.forget = forget_;
  return out;
}

/// What is not recorded is not to be done: without memory for it the next keeper goes on from the last
/// record. Without a page it is done all the same, and tried again. False: the page does not have it.
bool Keeper::persist() try {
  if (nameless_ && !page_) return true;
  if (!page_) use_page(StatePage::open(home_, table_.stem));
  if (!page_) return false;
  const Done written = write_state();
  if (!written || page_has_name_) note_page(written);
  return static_cast<bool>(written);
} catch (const std::bad_alloc&) {
  begin_afresh();
  return false;
}

/// Writes the state into the page, which is there: if need be without what the next keeper can do without.
Done Keeper::write_state() {
  if (page_->damaged()) make_page_anew();
  KeptState state = kept_state();
  Done written = page_->write(to_bytes(state));
  if (written) return written;
  state.machine.memory.marks.clear();
  state.missed.clear();
  state.missed_text.clear();
  state.left.clear();
  for (KeptRun& run : state.runs)
    run.oom.reset();
  written = page_->write(to_bytes(state));
  if (written) return written;
  Error error = written.error();
  error.doing += " into " + home_.state_path(table_.stem);
  return error;
}

/// From here on whoever is spawned for that run may write its pid there, once.
SpawnClaim Keeper::claim_for(RunId id) {
  if (!page_) return {};
  const std::uint64_t claim = page_->begin_claim(id);
  return {&page_->claim(), claim};
}

// --- how the next one goes on

/// The pipes are those that the guard held, or are found with whoever of the program has them.
OutputMemory Keeper::output_memory(const std::optional<LeftBehind>& left, RoleTable& table) {
  OutputMemory out;
  for (std::size_t i = 0; page_ && i < out.marks.size(); ++i)
    out.marks[i] = static_cast<PieceMark*>(page_->place(i));
  for (const char* name : {"out", "err"})
    if (Fd held = take_held(table.held, name))
      out.pipes.push_back(output_pipe_of(std::move(held)).value_or(OutputPipe{}));
  out.copies = {take_held(table.held, "out-copy"), take_held(table.held, "err-copy")};
  for (std::size_t i = 0; i < out.kept.size(); ++i)
    out.kept[i] = take_held(table.held, held_kept_output(i));
  if (!left || !out.pipes.empty()) return out;
  std::vector<int> pids = {left->pid};
  for (const KeptRun& run : left->state.runs) {
    RunIds ids{run.main_ended ? 0 : run.pid, run.session, {}, run_marks(spec_.name, run.keeper)};
    ids.user = run.user;
    const std::vector<int> tree = tree_of(ids);
    pids.insert(pids.end(), tree.begin(), tree.end());
  }
  for (std::uint64_t inode : left->state.pipes)
    out.pipes.push_back(find_output_pipe(pids, inode).value_or(OutputPipe{}));
  return out;
}

void Keeper::take_over(const LeftBehind& left) {
  const KeptState& state = left.state;
  first_record_ = !state.started_at && !state.machine.awaits;
  started_at_ = state.started_at;
  confirmed_at_ = state.confirmed_at;
  stopped_at_ = state.stopped_at;
  last_exit_at_ = state.last_exit_at;
  started_ = state.started;
  said_ = {state.said_status, state.said_doing};
  missed_ = state.missed;
  missed_text_ = state.missed_text;
  survivors_ = state.survivors;
  inbox_ = state.inbox;
  twin_ = state.twin;
  left_alone_ = state.left;
  if (table_.next && state.machine.wanted == Wanted::down) forget_ = state.forget;
  std::erase_if(left_alone_, [](const KeptProcess& one) { return !lives(one); });
  take_up_upgrades(state.upgrades);
  remember_end(state);
  for (const KeptRun& run : state.runs)
    adopt(run, life_of(state.machine, run.id));
  take_up_sockets(state.sockets);
  if (left.claimed_run != 0) adopt_claimed(left);
  for (Run& run : runs_)
    if (!run.started_at) {  // of a keeper that knew one run alone
      run.started_at = state.started_at;
      run.confirmed_at = state.confirmed_at;
      run.began = state.started;
      run.said = said_;
    }
  for (const Run& run : runs_)
    if (const Life* life = life_of(state.machine, run.id); life != nullptr && life->pid != 0 && !life->exit)
      recorder_.resume(run.id, life->pid, run.started_at, run.confirmed_at, run.why_killed);
  follow_current();
  stopped_at_ = state.stopped_at;
  if (!table_.next)
    lifecycle_log_.add_at_line_start(
        "keeper " + std::to_string(getpid()) + " goes on for keeper " + std::to_string(state.keeper) +
        ", which was killed; the program runs on as pid " + std::to_string(left.pid));
  else if (std::string how = end_of_keeper(table_.died); !how.empty())
    lifecycle_log_.add_at_line_start("keeper " + std::to_string(getpid()) + " goes on for one that " + how);
}

/// A run that the state does not know yet: it has claimed its spawn just before its keeper was killed.
void Keeper::adopt_claimed(const LeftBehind& left) {
  const int pid = left.claimed_pid;
  KeptRun run{left.claimed_run, pid, process_start(pid).value_or(0), pid, left.state.keeper};
  run.twin = left.state.twin;
  run.user = user_to_run_as(spec_);
  run.started_at = wall_now();
  run.began = steady_now();
  adopt(run, life_of(left.state.machine, run.id));
}

/// The last end of all may be in no record yet.
void Keeper::remember_end(const KeptState& state) {
  const auto& end = state.machine.last_end;
  if (!end || !state.last_exit_at) return;
  const auto& known = recorder_.runs();
  if (std::any_of(known.begin(), known.end(), [&](const RunRecord& one) { return one.run == end->run; }))
    return;
  action::Announce exited{action::What::exited, end->run, end->pid};
  exited.exit = end->exit;
  exited.cause = end->cause;
  exited.lived = end->lived;
  recorder_.resume(end->run, end->pid, *state.last_exit_at - end->lived, std::nullopt);
  recorder_.note(exited, *state.last_exit_at, steady_now());
}

/// Says in the log that the state page was of no use. `pid`: the program that was found all the same; 0:
/// none.
void Keeper::tell_of_recovery(int pid) {
  lifecycle_log_.add_at_line_start(
      "keeper " + std::to_string(getpid()) + " has found " + home_.state_path(table_.stem) +
      " missing, damaged or out of date; " +
      (pid != 0 ? "it goes on with the program, which runs as pid " + std::to_string(pid)
                : std::string("no program of it was left")));
}

void Keeper::adopt(const KeptRun& kept, const Life* life) {
  Run run{kept.id, kept.pid, kept.session, asio::posix::stream_descriptor(io_)};
  run.main_ended = kept.main_ended;
  run.kill_all = kept.kill_all;
  run.sent_kill = kept.sent_kill;
  run.start = kept.start;
  run.keeper = kept.keeper;
  run.since = kept.since;
  run.exit = kept.exit;
  run.started_at = kept.started_at;
  run.confirmed_at = kept.confirmed_at;
  run.began = kept.began;
  run.said = {kept.said_status, kept.said_doing};
  run.user = kept.user;
  run.why_killed = kept.why_killed;
  run.oom = kept.oom;  // what was killed since its start, also while there was no keeper
  Fd pidfd(kept.main_ended || kept.exit ? -1 : pidfd_open(kept.pid, 0));
  // Asked after the pidfd is open: from here on the number cannot become another process unseen.
  const bool lives = pidfd && process_start(kept.pid) == kept.start;
  if (!kept.main_ended && !lives) lost_.push_back(kept.id);
  if (lives) {
    run.pidfd.assign(pidfd.get());
    pidfd.release();
    if (!run.oom) run.oom = oom_mark(kept.pid);
  }
  if (lives && life != nullptr && (life->phase == Phase::starting || life->phase == Phase::spawning))
    if (auto ready = readiness_of(kept.id, take_held(ready_pipes_, held_name(kept.id))))
      run.ready = std::move(*ready);
  if (lives) take_up_channel(run, kept);
  runs_.push_back(std::move(run));
  if (lives) await_end(runs_.back());
}

/// Of runs that are over, or of a keeper that knew more.
void Keeper::drop_unused_pipes() {
  for (const HeldFd& unused : std::exchange(ready_pipes_, {})) {
    Fd fd(unused.fd);
    if (unused.name.starts_with(kHeldChannel)) close_for_all(std::move(fd));
    if (guard_) guard_->drop(unused.name);
  }
}

/// The first of all that it does in its loop.
void Keeper::go_on() {
  auto left = std::exchange(left_, std::nullopt);
  const auto to_stop = StopWish::parse(table_.to_stop);
  // The command asks again at the socket: there it hears how the stop went.
  if (to_stop) waiters_.report_start(StartReport::Kind::kept_on, 0);
  if (!left && to_stop) return perform(action::Leave{State::stopped});  // it has ended meanwhile
  if (!left) {
    // What an earlier keeper left there means nothing any more.
    if (page_) inbox_ = page_->inbox().read = page_->inbox().written.load();
    persist();
    return spec_.lazy ? begin_lazily() : tell(event::Start{});
  }
  if (left->state.machine.finished) return perform(action::Leave{left->state.machine.ends_as});
  lifecycle_log_.look_for_line_start();
  go_on_with(*left);
  if (!leaving_as_) await_connection();
}

/// The command at the other end of `pipe` waits for the start.
void Keeper::use_start_report(int pipe) {
  waiters_.use_start_report(Fd(pipe), [this] {
    table_.report = -1;
    if (guard_) guard_->drop("report");
  });
}

/// There is no run until somebody connects; who waits for the start need not wait for that.
void Keeper::begin_lazily() {
  confirm_first_record(home_, table_.stem);
  first_record_ = false;
  tell(event::Await{});
  await_connection();
  if (!machine_.awaits()) return;
  waiters_.report_start(StartReport::Kind::waiting, 0);
  terminal_.notice(table_.stem + ": waits for its first connection at " + listening_at());
}

/// What its forerunner had decided, and may not have done any more, is done; what ended meanwhile has ended.
void Keeper::go_on_with(const LeftBehind& left) {
  // First of all: what has ended meanwhile is not to be started again. A keeper that has begun the stop has
  // written the page, and whatever is wanted since then stands there.
  const auto to_stop = StopWish::parse(table_.to_stop);
  const bool stops = to_stop && (!table_.next || to_stop->left_by == left.state.keeper);
  if (stops) tell_for(to_stop->asker(), event::Stop{to_stop->cause()});
  if (leaving_as_) return;
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
    perform(action::Signal{signal.run, signal.signal, signal.scope});
  for (Run& run : runs_) {
    if (run.ready) run.ready->begin();
    if (run.channel) run.channel->begin();
  }
  for (RunId id : std::exchange(lost_, {})) {
    Run* run = find(id);
    if (run == nullptr || leaving_as_) continue;
    auto exit = run->exit ? run->exit : status_in_inbox(run->pid, run->since);
    end_main(*run, exit.value_or(ExitInfo::unknown()), std::nullopt);
  }
  if (!leaving_as_) on_child_signal();  // what was waited for may be gone already
  if (leaving_as_) return;
  if (table_.next) {
    read_inbox();
    if (!leaving_as_) tell(event::Tick{});
    if (!leaving_as_ && left.ends) tell(event::Stop{});
  } else if (stops) {
    tell(event::Tick{});
  } else if (table_.replace) {
    tell_for({"replace", {}, {}, {}}, event::Restart{});
  } else if (machine_.wanted() == Wanted::down) {
    tell(event::Start{});
  } else {
    tell(event::Tick{});
  }
  if (leaving_as_) return;
  if (!machine_.stuck().empty()) return waiters_.report_start(StartReport::Kind::failed, 1);
  const bool kept_on = machine_.ready() && !table_.replace;
  if (table_.next && kept_on) return waiters_.report_start(StartReport::Kind::confirmed, 0);
  if (table_.next && !machine_.pid()) return;
  waiters_.report_start(kept_on ? StartReport::Kind::kept_on : StartReport::Kind::spawned, 0);
}

/// Nobody tells of the end of processes that are no children; while some are to be gone they are looked for.
void Keeper::watch_adopted_rest() {
  const bool some = std::any_of(runs_.begin(), runs_.end(),
                                [](const Run& run) { return run.keeper != 0 && run.main_ended; });
  if (!some) return;
  adopted_rest_.expires_after(machine_.stuck().empty() ? kLookForRest : kLookForStuck);
  adopted_rest_.async_wait([this](std::error_code error) {
    if (error) return;
    look_for_adopted_rest();
    if (!leaving_as_) watch_adopted_rest();
  });
}

/// Looks at what is left of runs whose processes are not this keeper's children.
void Keeper::look_for_adopted_rest() {
  std::vector<RunId> ids;
  for (const Run& run : runs_)
    if (run.keeper != 0 && run.main_ended) ids.push_back(run.id);
  for (RunId id : ids)
    if (Run* run = find(id)) look_for_rest(*run);
}

}  // namespace keeper
