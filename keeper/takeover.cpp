// What outlives a keeper: what it writes into its state page, and how the next one goes on from there.
#include <unistd.h>

#include <algorithm>
#include <new>
#include <utility>

#include "keeper/child/pidfd.hpp"
#include "keeper/keeper.hpp"
#include "protocol/home/clock.hpp"

namespace keeper {
namespace {

constexpr Millis kLookForRest{50};

const Life* life_of(const Snapshot& machine, RunId run) {
  for (const auto* slot : {&machine.serving, &machine.incoming})
    if (*slot && (*slot)->run == run) return &**slot;
  for (const Life& life : machine.leaving)
    if (life.run == run) return &life;
  return nullptr;
}

}  // namespace

// --- what is written

/// A keeper without a page keeps its program all the same, and tries again at the next change.
void Keeper::open_page() {
  auto page = StatePage::open(home_, table_.stem);
  if (page) {
    page_.emplace(std::move(*page));
  } else if (!page_failed_) {
    page_failed_ = true;
    marker(page.error().text() + "; should this keeper be killed, nobody can go on where it was");
  }
}

KeptState Keeper::kept_state() const {
  KeptState out;
  out.boot = boot_id_;
  out.keeper = getpid();
  out.machine = machine_.snapshot();
  for (const Run& run : runs_)
    out.runs.push_back({run.id, run.pid, run.start, run.session, run.keeper != 0 ? run.keeper : getpid(),
                        run.main_ended, run.kill_all, run.sent_kill});
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
  return out;
}

/// Without memory for it the last one stays, and the next change is another chance: what is to be done now is
/// done.
void Keeper::persist() try {
  if (!page_) open_page();
  if (!page_) return;
  KeptState state = kept_state();
  if (page_->write(to_bytes(state))) return;
  state.machine.memory.marks.clear();  // of all of it what can be done without
  state.missed.clear();
  state.missed_text.clear();
  page_->write(to_bytes(state));
} catch (const std::bad_alloc&) {
  return;
}

/// From here on whoever is spawned for that run may write its pid there, once.
SpawnClaim Keeper::claim_for(RunId id) {
  if (!page_) return {};
  page_->claim() = claim_of(id, 0);
  return {&page_->claim(), claim_of(id, 0)};
}

// --- how the next one goes on

/// The pipes are found with whoever of the program has them.
OutputMemory Keeper::output_memory(const std::optional<LeftBehind>& left) {
  OutputMemory out;
  for (std::size_t i = 0; page_ && i < out.marks.size(); ++i)
    out.marks[i] = static_cast<PieceMark*>(page_->place(i));
  if (!left) return out;
  std::vector<int> pids = {left->pid};
  for (const KeptRun& run : left->state.runs) {
    const std::vector<int> tree =
        tree_of({run.main_ended ? 0 : run.pid,
                 run.session,
                 {},
                 {"KEEPER_NAME=" + spec_.name, "KEEPER_PID=" + std::to_string(run.keeper)}});
    pids.insert(pids.end(), tree.begin(), tree.end());
  }
  for (std::uint64_t inode : left->state.pipes)
    out.pipes.push_back(find_output_pipe(pids, inode).value_or(OutputPipe{}));
  return out;
}

void Keeper::take_over(const LeftBehind& left) {
  const KeptState& state = left.state;
  taken_over_from_ = state.keeper;
  first_record_ = false;
  started_at_ = state.started_at;
  confirmed_at_ = state.confirmed_at;
  stopped_at_ = state.stopped_at;
  last_exit_at_ = state.last_exit_at;
  started_ = state.started;
  said_ = {state.said_status, state.said_doing};
  missed_ = state.missed;
  missed_text_ = state.missed_text;
  survivors_ = state.survivors;
  for (const KeptRun& run : state.runs)
    adopt(run, life_of(state.machine, run.id));
  const std::optional<Life>& serving = state.machine.serving;
  if (serving && serving->phase == Phase::spawning) {
    claimed_ = KeptRun{serving->run, left.pid, process_start(left.pid).value_or(0), left.pid, state.keeper};
    adopt(*claimed_, &*serving);
    started_ = steady_now();
    started_at_ = wall_now();
  } else if (serving) {
    pid_start_ = process_start(serving->pid);
    recorder_.resume(serving->run, serving->pid, started_at_, confirmed_at_);
  }
  late_marker_ = "keeper " + std::to_string(getpid()) + " goes on for keeper " +
                 std::to_string(state.keeper) + ", which was killed; the program runs on as pid " +
                 std::to_string(left.pid);
}

/// A line that the program has begun is not to be cut in two: then it is said with the next that there is to
/// say.
void Keeper::say_taken_over() {
  if (output_->at_line_start()) marker(std::exchange(late_marker_, {}));
}

void Keeper::adopt(const KeptRun& kept, const Life* life) {
  Run run{kept.id, kept.pid, kept.session, asio::posix::stream_descriptor(io_)};
  run.main_ended = kept.main_ended;
  run.kill_all = kept.kill_all;
  run.sent_kill = kept.sent_kill;
  run.start = kept.start;
  run.keeper = kept.keeper;
  Fd pidfd(kept.main_ended ? -1 : pidfd_open(kept.pid, 0));
  // Asked after the pidfd is open: from here on the number cannot become another process unseen.
  const bool lives = pidfd && process_start(kept.pid) == kept.start;
  if (!kept.main_ended && !lives) lost_.push_back(kept.id);
  if (lives) {
    run.pidfd.assign(pidfd.get());
    pidfd.release();
    run.oom = oom_mark(kept.pid);
  }
  if (lives && life != nullptr && (life->phase == Phase::starting || life->phase == Phase::spawning))
    if (auto ready = readiness_of(kept.id)) run.ready = std::move(*ready);
  runs_.push_back(std::move(run));
  if (lives) await_end(runs_.back());
}

/// The first of all that it does in its loop.
void Keeper::go_on() {
  if (taken_over_from_ == 0) return tell(event::Start{});
  say_taken_over();
  if (claimed_) tell(event::SpawnSucceeded{claimed_->id, claimed_->pid});
  for (Run& run : runs_)
    if (run.ready) run.ready->begin();
  for (RunId id : std::exchange(lost_, {})) {
    Run* run = find(id);
    if (run == nullptr) continue;
    run->main_ended = true;
    const bool leftovers = spec_.kill_mode != KillMode::process && !tree_of(ids_of(*run)).empty();
    note_exit(*run, ExitInfo::unknown(), std::nullopt);
    if (!leftovers) forget(id);
    tell(event::Exited{id, ExitInfo::unknown(), leftovers});
  }
  if (leaving_as_) return;
  if (table_.replace) {
    tell_for({"replace", {}, {}, {}}, event::Restart{});
  } else if (machine_.wanted() == Wanted::down) {
    tell(event::Start{});
  } else {
    tell(event::Tick{});
  }
  if (leaving_as_) return;
  const bool kept_on = machine_.ready() && !table_.replace;
  report_start(kept_on ? StartReport::Kind::kept_on : StartReport::Kind::spawned, 0);
}

/// Nobody tells of the end of processes that are no children; while some are to be gone they are looked for.
void Keeper::watch_adopted_rest() {
  const bool some = std::any_of(runs_.begin(), runs_.end(),
                                [](const Run& run) { return run.keeper != 0 && run.main_ended; });
  if (!some) return;
  adopted_rest_.expires_after(kLookForRest);
  adopted_rest_.async_wait([this](std::error_code error) {
    if (error) return;
    std::vector<RunId> ids;
    for (const Run& run : runs_)
      if (run.keeper != 0 && run.main_ended) ids.push_back(run.id);
    for (RunId id : ids)
      if (Run* run = find(id)) look_for_rest(*run);
    if (!leaving_as_) watch_adopted_rest();
  });
}

}  // namespace keeper
