#include "keeper/app/end_watcher.hpp"

#include <algorithm>
#include <asio/post.hpp>
#include <csignal>
#include <utility>

#include "keeper/app/guard_session.hpp"
#include "keeper/app/readiness_tracker.hpp"
#include "keeper/app/runs.hpp"
#include "keeper/app/signaller.hpp"
#include "keeper/app/state_journal.hpp"
#include "keeper/child/pidfd.hpp"
#include "keeper/child/tree.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/wire/exit.hpp"

namespace keeper {
namespace {

constexpr Millis kStatusWithin{100};  // for the parent of a process that has ended to reap it
constexpr Millis kStatusAgain{1};
constexpr Millis kLookForRest{50};
constexpr Millis kLookForStuck{1000};  // what cannot be ended may stay for days

}  // namespace

void EndWatcher::watch(Run& run) {
  run.pidfd.async_wait(asio::posix::descriptor_base::wait_read, [this, id = run.id](std::error_code error) {
    if (cancelled(error)) return;
    on_pidfd(id);
    Run* still = error ? runs_.find(id) : nullptr;
    if (still != nullptr && !still->main_ended) watch(*still);
  });
}

void EndWatcher::move_main(Run& run, int pid) {
  if (pid == run.pid) return;
  Fd pidfd(pidfd_open(pid, 0));
  if (!pidfd) return;
  asio::posix::stream_descriptor waiting(app_.io);
  std::error_code error;
  waiting.assign(pidfd.get(), error);
  if (error) return;
  pidfd.release();
  run.pid = pid;
  run.start = process_start(pid).value_or(0);
  run.pidfd = std::move(waiting);  // closes the old one, whose waiting ends with an error
  watch(run);
  events_.tell(event::MainMoved{run.id, pid});
}

void EndWatcher::on_pidfd(RunId id) {
  readiness_.drain_socket();  // what it said comes before its end; it may have named another main process
  Run* run = runs_.find(id);
  if (run == nullptr || run->main_ended) return;
  // A main process that moved may be no child of ours: only its pidfd says that it has ended.
  const bool no_child = run->pid != run->session || run->adopted;
  if (no_child && !has_ended(run->pidfd.native_handle())) return;
  std::optional<Used> used;
  run->exit = status_of(*run, &used);
  if (!run->exit) return;
  journal_.save();
  if (!no_child) take_end(run->pid);
  on_main_exited(*run, *run->exit, used);
}

/// Reads what a run has said last, before its end is told: output, then readiness, then the channel. Each may
/// show that it was ready, and with that remove the run.
void EndWatcher::drain(RunId id) {
  app_.output->drain(kDrainAtExit);
  if (Run* run = runs_.find(id); run != nullptr && run->ready) run->ready->drain();
  if (Run* run = runs_.find(id); run != nullptr && run->channel) run->channel->drain();
}

/// The end of a run's main process is recorded: tells it.
void EndWatcher::on_main_exited(Run& ended, const ExitInfo& exit, const std::optional<Used>& used) {
  const RunId id = ended.id;
  ended.main_ended = true;
  drain(id);
  Run* run = runs_.find(id);
  if (run == nullptr) return;
  app_.output->end_run();
  if (run->ready) run->ready->end();
  if (app_.spec.kill_mode == KillMode::process) runs_.detach(*run);
  std::vector<int> rest;
  if (app_.spec.kill_mode != KillMode::process &&
      (run->adopted || has_other_children(runs_.other_mains(run))))
    rest = runs_.tree(*run);
  const bool leftovers = !rest.empty();
  const bool out_of_memory = note_exit(*run, exit, used, rest);
  run->exit.reset();    // from the next step on the machine knows
  std::list<Run> gone;  // what it held is given back when the next one is on its way
  if (leftovers) {
    std::error_code ignored;
    run->pidfd.close(ignored);
  } else {
    gone = runs_.take(id);
  }
  events_.tell(event::Exited{id, exit, leftovers, out_of_memory});
  rest = not_permitted(rest);
  run = runs_.find(id);
  if (run != nullptr && !rest.empty()) events_.tell(event::Refused{id, not_permitted_text(rest)});
  look();  // strangers that had to wait behind it
}

/// Enters what only the system knows of an end into the history. Returns whether the kernel ended it, out of
/// memory.
bool EndWatcher::note_exit(const Run& run, const ExitInfo& exit, const std::optional<Used>& used,
                           const std::vector<int>& rest) {
  ExitFacts facts;
  for (int pid : rest)
    facts.leftovers.push_back(command_text_of(pid));
  if (used) {
    facts.max_memory_bytes = used->max_memory_bytes;
    facts.cpu_ms = used->cpu_ms;
  }
  const bool by_kill = exit == ExitInfo::signal(SIGKILL) && !run.sent_kill;
  facts.oom_kills = run.oom ? oom_kills_since(*run.oom) : 0;
  app_.recorder.note(run.id, facts);
  // What went into the file unseen.
  if (app_.output->keeps_files()) app_.recorder.set_output(app_.output->last_output(OutputTail::kMost));
  return by_kill && facts.oom_kills > 0;
}

/// Returns how a run's main process has ended; nothing while it has not, or while its parent has not reaped
/// it: then it is looked at again a moment later.
std::optional<ExitInfo> EndWatcher::status_of(Run& run, std::optional<Used>* used) {
  auto out = look_at_end(run.pid, run.pidfd.native_handle(), used);
  if (out && out->kind != ExitInfo::Kind::unknown) return out;
  if (auto status = guard_.exit_status(run.pid, run.since)) return status;
  if (out || !has_ended(run.pidfd.native_handle())) return out;
  if (!run.seen_to_end) run.seen_to_end = steady_now();
  if (steady_now() - *run.seen_to_end >= kStatusWithin) return ExitInfo::unknown();
  if (!run.look_again) look_again(run);
  return std::nullopt;
}

void EndWatcher::look_again(Run& run) {
  run.look_again = std::make_unique<asio::steady_timer>(app_.io, kStatusAgain);
  run.look_again->async_wait([this, id = run.id](std::error_code error) {
    Run* still = error ? nullptr : runs_.find(id);
    if (still == nullptr || still->main_ended) return;
    still->look_again.reset();
    on_pidfd(id);
  });
}

void EndWatcher::look() {
  readiness_.drain_socket();  // before a sender is gone without a trace
  std::vector<int> ours = runs_.other_mains(nullptr);
  reap_strangers([&](int pid) { return std::find(ours.begin(), ours.end(), pid) != ours.end(); });
  for (RunId id : runs_.ids()) {
    Run* run = runs_.find(id);
    if (run == nullptr) continue;
    if (run->main_ended) {
      look_for_rest(*run);
      continue;
    }
    look_for_stop(*run);
    on_pidfd(id);  // a tracer may have had its status when the pidfd spoke: then this is the second chance
  }
}

/// Whether its main process was stopped by a signal, or goes on.
void EndWatcher::look_for_stop(Run& run) {
  auto change = stop_or_continue(run.pidfd.native_handle());
  if (change == StopChange::stopped) events_.tell(event::Suspended{run.id});
  if (change == StopChange::continued) events_.tell(event::Continued{run.id});
}

/// Whether anything is left of a run whose main process has ended.
void EndWatcher::look_for_rest(Run& run) {
  std::vector<int> rest = runs_.tree(run);
  RunId id = run.id;
  if (rest.empty()) {
    runs_.take(id);
    return events_.tell(event::TreeEmpty{id});
  }
  if (!app_.machine.stuck().empty()) runs_.note_survivors(rest);
  if (run.kill_all) signaller_.send_to(run, SIGKILL, rest);
}

/// The kernel does not report the end of processes that are no children of this one.
void EndWatcher::poll_rest() {
  const bool some = std::any_of(runs_.all().begin(), runs_.all().end(),
                                [](const Run& run) { return run.adopted && run.main_ended; });
  if (!some) return;
  rest_again_.expires_after(app_.machine.stuck().empty() ? kLookForRest : kLookForStuck);
  rest_again_.async_wait([this](std::error_code error) {
    if (error) return;
    look_for_adopted_rest();
    if (!app_.leaving_as) poll_rest();
  });
}

void EndWatcher::look_for_adopted_rest() {
  for (RunId id : runs_.ids())
    if (Run* run = runs_.find(id); run != nullptr && run->adopted && run->main_ended) look_for_rest(*run);
}

void EndWatcher::adopted(Run& run, const Life*) {
  watch(run);
}

void EndWatcher::tell_lost() {
  for (RunId id : std::exchange(lost_, {})) {
    Run* run = runs_.find(id);
    if (run == nullptr || app_.leaving_as) continue;
    const auto exit = run->exit ? run->exit : guard_.exit_status(run->pid, run->since);
    on_main_exited(*run, exit.value_or(ExitInfo::unknown()), std::nullopt);
  }
}

}  // namespace keeper
