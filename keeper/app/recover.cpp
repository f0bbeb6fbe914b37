#include "keeper/app/recover.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "keeper/child/settings.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/files.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/store/home.hpp"
#include "protocol/store/run_signs.hpp"

namespace keeper {
namespace {

constexpr Millis kSlack{1000};  // ticks are coarse, and the wall clock is put right at times
constexpr int kNobody = -1;     // the keeper of a run, if that is not known

/// Returns the inode of the output pipe that a process writes into; 0: it writes elsewhere. An output pipe
/// can be read there too (capture.hpp), other pipes cannot.
std::uint64_t output_of(int pid, int fd) {
  const std::string process = "/proc/" + std::to_string(pid), number = std::to_string(fd);
  struct stat st {};
  const auto info = read_file(process + "/fdinfo/" + number, 4096);
  const auto at = info ? info->find("flags:\t") : std::string::npos;
  if (at == std::string::npos || stat((process + "/fd/" + number).c_str(), &st) != 0) return 0;
  const auto flags = std::strtol(info->c_str() + at + 7, nullptr, 8);
  return S_ISFIFO(st.st_mode) && (flags & O_ACCMODE) == O_RDWR ? st.st_ino : 0;
}

std::vector<std::uint64_t> outputs_of(int pid, const Spec& spec) {
  std::vector<std::uint64_t> out = {output_of(pid, STDOUT_FILENO)};
  if (!spec.error_log.empty()) out.push_back(output_of(pid, STDERR_FILENO));
  return out;
}

/// A child of the guard that began after all that the page knows, and was started by a keeper of no run in
/// it: else it may be what such a run has left.
std::optional<FoundRun> unknown_child(const Home& home, const AppId& id, int guard, const RunWish& wish,
                                      const PageFacts& page) {
  std::vector<int> children;
  add_children(guard, 1, children);
  for (int pid : children) {
    if (pid == getpid()) continue;
    const auto began = began_ms(pid);
    if (page.at && (!began || Millis(*began) <= page.at->time_since_epoch() + kSlack)) continue;
    auto run = run_of_child(home, id, pid, wish);
    const bool known =
        run && std::find(page.keepers.begin(), page.keepers.end(), run->keeper) != page.keepers.end();
    if (run && !known) return run;
  }
  return std::nullopt;
}

std::optional<FoundRun> recorded(const Result<Status>& record, RunId next_run) {
  if (!record || !still_runs(*record) || record->run < next_run) return std::nullopt;
  return FoundRun{*record->pid, *record->pid_start, record->keeper_pid.value_or(0)};
}

}  // namespace

PageFacts facts_of(const std::optional<KeptState>& kept, const std::optional<LeftBehind>& left) {
  PageFacts out;
  if (left && left->pid != 0) out.pid = left->pid;
  if (!kept) return out;
  out.whole = true;
  out.next_run = kept->machine.next_run;
  for (const KeptRun& run : kept->runs)
    out.keepers.push_back(run.keeper);
  for (const auto& time : {kept->started_at, kept->confirmed_at, kept->stopped_at, kept->last_exit_at})
    if (time && (!out.at || *time > *out.at)) out.at = time;
  return out;
}

std::optional<FoundRun> find_unknown_run(const Home& home, const RoleTable& table, const Result<Spec>& spec,
                                         const PageFacts& page) {
  const auto id = AppId::parse(table.stem);
  if (page.pid || !id) return std::nullopt;
  const auto record = home.read_status(table.stem);
  RunWish wish = wish_for(spec, record);
  const bool ours = home.is_lock_of(table.stem, table.lock);  // else the records are another keeper's
  const RunId newer = page.whole ? page.next_run : 0;
  if (!table.next)
    return ours ? recorded(record, newer) : std::nullopt;  // what was lost is written there (name_lock.hpp)
  wish.guard = table.guard >= 0 ? getppid() : 0;
  if (wish.guard != 0)
    if (auto run = unknown_child(home, *id, wish.guard, wish, page)) return run;
  if (!ours) return std::nullopt;
  if (auto run = recorded(record, newer)) return run;
  return page.whole ? std::nullopt : MarkedProcesses(home).main_of(*id, wish);
}

LeftBehind recovered(const Status& record, const Spec& spec, const FoundRun& run, RunId last_run,
                     std::uint32_t inbox) {
  const bool known = record.pid == run.pid && record.pid_start == run.start && record.run != 0;
  const auto began = began_ms(run.pid);
  const WallTime now = wall_now(), started = began ? WallTime(Millis(*began)) : now;
  LeftBehind out;
  out.pid = run.pid;
  out.ends = known && record.state == State::stopping && record.wanted == Wanted::down;
  KeptState& state = out.state;
  state.boot = boot_id();
  state.keeper = run.keeper;
  state.started_at = known && record.started_at ? record.started_at : started;
  state.confirmed_at = known && record.confirmed_at ? record.confirmed_at : state.started_at;
  if (record.last_exit) state.last_exit_at = record.last_exit->at;
  state.started = steady_now() - std::max(now - started, Millis(0));
  state.pipes = outputs_of(run.pid, spec);
  state.notify = variable_in(environment_of(run.pid), "NOTIFY_SOCKET").value_or("");
  state.inbox = inbox;

  Life life;
  life.run = known ? record.run : last_run + 1;
  life.pid = run.pid;
  life.phase = Phase::confirmed;
  life.since = state.started;
  if (spec.watchdog) life.until.at = steady_now() + *spec.watchdog;
  Snapshot& machine = state.machine;
  machine.next_run = std::max(life.run, last_run) + 1;
  machine.begun = machine.ran = true;
  machine.wanted = Wanted::up;
  machine.restarts = record.restarts;
  machine.serving = life;

  KeptRun kept{life.run, run.pid, run.start, getsid(run.pid), run.keeper != 0 ? run.keeper : kNobody};
  kept.since = inbox;
  kept.user = user_to_run_as(spec);
  kept.started_at = state.started_at;
  kept.confirmed_at = state.confirmed_at;
  kept.began = state.started;
  state.runs.push_back(kept);
  return out;
}

std::optional<LeftBehind> recovered_end(const Result<Status>& record) {
  if (!record || record->boot_id != boot_id() || record->wanted != Wanted::down) return std::nullopt;
  LeftBehind out;
  out.state.boot = boot_id();
  out.state.keeper = record->keeper_pid.value_or(0);
  out.state.machine.begun = out.state.machine.finished = true;
  out.state.machine.next_run = record->run + 1;
  return out;
}

}  // namespace keeper
