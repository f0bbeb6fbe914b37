#include "keeper/kept_state.hpp"

#include <unistd.h>

#include <algorithm>

#include "keeper/survive/tagged.hpp"
#include "protocol/home/proc.hpp"

namespace keeper {

// The numbers are for good: see tagged.hpp.

template <class F>
void fields(F& f, ExitInfo& v) {
  f(1, v.kind), f(2, v.value), f(3, v.core_dumped);
}
template <class F>
void fields(F& f, Clock& v) {
  f(1, v.at), f(2, v.held);
}
template <class F>
void fields(F& f, Life& v) {
  f(1, v.run), f(2, v.pid), f(3, v.phase), f(4, v.since), f(5, v.step_since), f(6, v.until), f(7, v.secs);
  f(8, v.shown), f(9, v.unshown), f(10, v.watchdog), f(11, v.step), f(12, v.suspended), f(13, v.at_once);
  f(14, v.for_reload), f(15, v.begun_by), f(16, v.ending), f(17, v.exit);
}
template <class F>
void fields(F& f, NextStart& v) {
  f(1, v.at), f(2, v.asked), f(3, v.by);
}
template <class F>
void fields(F& f, RestartMark& v) {
  f(1, v.at), f(2, v.count);
}
template <class F>
void fields(F& f, BackoffMemory& v) {
  f(1, v.next), f(2, v.draws);
}
template <class F>
void fields(F& f, RestartMemory& v) {
  f(1, v.failed_starts), f(2, v.restarts), f(3, v.marks), f(4, v.backoff);
}
template <class F>
void fields(F& f, LastEnd& v) {
  f(1, v.run), f(2, v.pid), f(3, v.exit), f(4, v.cause), f(5, v.lived);
}
template <class F>
void fields(F& f, Snapshot& v) {
  f(1, v.next_run), f(2, v.begun), f(3, v.finished), f(4, v.wanted), f(5, v.ends_as), f(6, v.reason);
  f(7, v.serving), f(8, v.incoming), f(9, v.leaving), f(10, v.next), f(11, v.changed),
      f(12, v.reload_waiting);
  f(13, v.ran), f(14, v.restarts), f(15, v.memory), f(16, v.last_end), f(17, v.spawn_error);
}
template <class F>
void fields(F& f, KeptRun& v) {
  f(1, v.id), f(2, v.pid), f(3, v.start), f(4, v.session), f(5, v.keeper), f(6, v.main_ended),
      f(7, v.kill_all);
  f(8, v.sent_kill);
}
template <class F>
void fields(F& f, KeptState& v) {
  f(1, v.boot), f(2, v.keeper), f(3, v.machine), f(4, v.runs), f(5, v.started_at), f(6, v.confirmed_at);
  f(7, v.stopped_at), f(8, v.last_exit_at), f(9, v.started), f(10, v.pipes), f(11, v.notify),
      f(12, v.said_status);
  f(13, v.said_doing), f(14, v.missed), f(15, v.missed_text), f(16, v.survivors);
}

std::string to_bytes(const KeptState& state) {
  return tagged::to_bytes(state);
}

KeptState kept_state_from(std::string_view bytes) {
  return tagged::from_bytes<KeptState>(bytes);
}

namespace {

constexpr int kExecSteps = 200;  // of a millisecond, for a child side that is about to execute its program

/// Whether that process was started by that keeper for this app: the variables that it has from its exec on
/// say so.
bool is_run_of(int pid, const std::string& name, int keeper) {
  for (int step = 0; step < kExecSteps && process_start(pid); ++step) {
    const std::string environment = environment_of(pid);
    if (has_variable(environment, "KEEPER_NAME=" + name) &&
        has_variable(environment, "KEEPER_PID=" + std::to_string(keeper)))
      return true;
    usleep(1000);
  }
  return false;
}

}  // namespace

std::optional<KeptState> read_kept_state(const Home& home, const std::string& stem) {
  if (access(home.state_path(stem).c_str(), F_OK) != 0) return std::nullopt;
  auto page = StatePage::open(home, stem);
  if (!page) return std::nullopt;
  auto bytes = page->read();
  if (!bytes) return std::nullopt;
  KeptState out = kept_state_from(*bytes);
  if (out.boot != boot_id()) return std::nullopt;
  return out;
}

std::optional<LeftBehind> left_behind(const Home& home, const std::string& stem) {
  auto kept = read_kept_state(home, stem);
  if (!kept || kept->machine.finished) return std::nullopt;
  LeftBehind out{std::move(*kept), 0};
  KeptState& state = out.state;
  for (const KeptRun& run : state.runs)
    if (!run.main_ended && process_start(run.pid) == run.start) out.pid = run.pid;
  const std::optional<Life>& life = state.machine.serving;
  if (out.pid == 0 && life && life->phase == Phase::spawning) {
    // Who comes first decides: the child side, or we, who give up on it.
    auto page = StatePage::open(home, stem);
    if (!page) return std::nullopt;
    std::uint64_t claim = claim_of(life->run, 0);
    const bool ours = page->claim().compare_exchange_strong(claim, claim_of(life->run + 1, 0));
    const int pid = pid_of_claim(claim);
    auto id = AppId::parse(stem);
    if (!ours && run_of_claim(claim) == static_cast<std::uint32_t>(life->run) && id &&
        is_run_of(pid, id->name, state.keeper))
      out.pid = pid;
  }
  if (out.pid == 0) return std::nullopt;
  return out;
}

}  // namespace keeper
