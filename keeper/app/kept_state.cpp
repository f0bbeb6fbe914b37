#include "keeper/app/kept_state.hpp"

#include <unistd.h>

#include <algorithm>

#include "keeper/child/settings.hpp"
#include "keeper/survive/tagged.hpp"
#include "protocol/base/files.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/store/home.hpp"
#include "protocol/store/run_signs.hpp"
#include "protocol/wire/exit.hpp"

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
  f(14, v.for_reload), f(15, v.begun_by), f(16, v.ending), f(17, v.exit), f(18, v.trial), f(19, v.canary);
  f(20, v.stuck), f(21, v.ended);
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
  f(18, v.awaits), f(19, v.canary);
}
template <class F>
void fields(F& f, OomMark& v) {
  f(1, v.counter), f(2, v.kills);
}
template <class F>
void fields(F& f, KeptRun& v) {
  f(1, v.id), f(2, v.pid), f(3, v.start), f(4, v.session), f(5, v.keeper), f(6, v.main_ended),
      f(7, v.kill_all);
  f(8, v.sent_kill), f(9, v.since), f(10, v.exit), f(16, v.skips), f(17, v.twin);
  f(11, v.started_at), f(12, v.confirmed_at), f(13, v.began);
  f(14, v.said_status), f(15, v.said_doing), f(23, v.user), f(24, v.half_sent);
  f(18, v.why_killed), f(25, v.oom);
}
template <class F>
void fields(F& f, KeptProcess& v) {
  f(1, v.pid), f(2, v.start);
}
template <class F>
void fields(F& f, KeptListener& v) {
  f(1, v.place), f(2, v.inode), f(3, v.device), f(4, v.file);
}
template <class F>
void fields(F& f, KeptSignal& v) {
  f(1, v.run), f(2, v.signal), f(3, v.scope);
}
template <class F>
void fields(F& f, KeptSocket& v) {
  f(1, v.key), f(2, v.data), f(3, v.path), f(4, v.number), f(5, v.inode), f(6, v.path_inode), f(7, v.run);
  f(8, v.before);
}
template <class F>
void fields(F& f, KeptUpgrade& v) {
  f(1, v.id), f(2, v.state), f(3, v.why), f(4, v.keeper);
}
template <class F>
void fields(F& f, KeptState& v) {
  f(1, v.boot), f(2, v.keeper), f(3, v.machine), f(4, v.runs), f(5, v.started_at), f(6, v.confirmed_at);
  f(7, v.stopped_at), f(8, v.last_exit_at), f(9, v.started), f(10, v.pipes), f(11, v.notify),
      f(12, v.said_status);
  f(13, v.said_doing), f(14, v.missed), f(15, v.missed_text), f(16, v.survivors), f(17, v.inbox);
  f(18, v.signals), f(19, v.listeners), f(20, v.twin), f(21, v.sockets);
  f(26, v.upgrades), f(27, v.left), f(28, v.forget);
}

std::string to_bytes(const KeptState& state) {
  return tagged::to_bytes(state);
}

KeptState kept_state_from(std::string_view bytes) {
  return tagged::from_bytes<KeptState>(bytes);
}

namespace {

/// Whether a process is the child side of a spawn that has not executed its program yet. Before execve(2) it
/// has the memory of its keeper, and with that its command line. Within execve(2) it has new memory, and for
/// a moment neither a command line nor variables.
bool is_about_to_exec(int pid, const std::string& stem) {
  const auto line = read_file("/proc/" + std::to_string(pid) + "/cmdline", 4096);
  if (!line || getsid(pid) != pid || !process_start(pid)) return false;
  if (!line->empty()) return *line == "keeper: " + stem + std::string(1, '\0');
  return environment_of(pid) == std::string(1, '\0');
}

/// Whether that process was started by that keeper for this app: the variables that it has from its exec on
/// say so. The exec may end between two looks.
bool is_run_of(int pid, const AppId& id, const RunSigns& run) {
  return belongs_to_run(pid, run) || is_about_to_exec(pid, id.stem()) || belongs_to_run(pid, run);
}

}  // namespace

std::optional<KeptState> kept_state_in(const StatePage& page) {
  auto bytes = page.read();
  if (!bytes) return std::nullopt;
  KeptState out = kept_state_from(*bytes);
  if (out.boot != boot_id()) return std::nullopt;
  return out;
}

namespace {

/// The first one decides: the child side, or we, who give up on it.
void look_at_claim(StatePage& page, RunId run, LeftBehind& out) {
  if (page.claim_run() != run) return;  // it was killed before it spawned
  std::uint64_t claim = claim_of(spawn_of_claim(page.claim()), 0);
  if (page.claim().compare_exchange_strong(claim, claim_of(spawn_of_claim(claim) + 1u, 0))) return;
  if (pid_of_claim(claim) == 0) return;
  out.claimed_run = run;
  out.claimed_pid = pid_of_claim(claim);
}

const KeptRun* kept_run(const KeptState& state, const std::optional<Life>& life) {
  for (const KeptRun& run : state.runs)
    if (life && run.id == life->run) return &run;
  return nullptr;
}

bool lives(const KeptRun& run) {
  return !run.main_ended && !run.exit && lives(KeptProcess{run.pid, run.start});
}

}  // namespace

bool lives(const KeptProcess& process) {
  return process_start(process.pid) == process.start;
}

std::optional<LeftBehind> all_left_behind(StatePage& page) {
  auto kept = kept_state_in(page);
  if (!kept) return std::nullopt;
  LeftBehind out{std::move(*kept)};
  const Snapshot& machine = out.state.machine;
  for (const KeptRun& run : out.state.runs)
    if (lives(run)) out.pid = run.pid;
  if (const KeptRun* serving = kept_run(out.state, machine.serving); serving != nullptr && lives(*serving))
    out.pid = serving->pid;  // and not a reload's new run, or an old one that is being ended
  for (const auto* life : {&machine.serving, &machine.incoming})
    if (*life && (*life)->phase == Phase::spawning) look_at_claim(page, (*life)->run, out);
  if (out.pid == 0) out.pid = out.claimed_pid;
  return out;
}

std::optional<LeftBehind> left_behind(const Home& home, const std::string& stem) {
  if (access(home.state_path(stem).c_str(), F_OK) != 0) return std::nullopt;
  auto page = StatePage::open(home, stem);
  if (!page) return std::nullopt;
  auto spec = home.read_spec(stem);
  return left_behind(*page, stem, spec ? user_to_run_as(*spec) : std::nullopt);
}

std::optional<LeftBehind> left_behind(StatePage& page, const std::string& stem,
                                      std::optional<unsigned> user) {
  auto out = all_left_behind(page);
  if (!out || out->state.machine.finished || out->pid == 0) return std::nullopt;
  auto id = AppId::parse(stem);
  const bool by_claim = out->claimed_pid != 0 && out->pid == out->claimed_pid;
  if (!by_claim) return out;
  const RunSigns signs{.marks = run_marks(id ? id->name : "", out->state.keeper), .user = user};
  if (!id || !is_run_of(out->pid, *id, signs)) return std::nullopt;
  return out;
}

}  // namespace keeper
