#include "keeper/app/predecessor.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "keeper/app/moved_home.hpp"
#include "keeper/app/recover.hpp"
#include "keeper/child/settings.hpp"
#include "keeper/log/output_log.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/proc.hpp"

namespace keeper {
namespace {

/// What the record of an app says of its earlier keepers.
struct Earlier {
  std::vector<RunRecord> runs;
  RunId last_run = 0;
  std::vector<std::string> losses;
};

/// `adopted`: its program lives on, and is kept on.
Earlier read_earlier(const Home& home, const std::string& stem, bool adopted) {
  Earlier out;
  out.runs = home.read_runs(stem);
  auto record = home.read_status(stem);
  if (record && has_keeper(record->state) && record->pid && !adopted)
    add_run(out.runs, lost_run(*record, record->boot_id == boot_id() ? "keeper lost" : "reboot"));
  for (const RunRecord& run : out.runs)
    out.last_run = std::max(out.last_run, run.run);
  if (record) out.last_run = std::max(out.last_run, record->run);
  if (!record || has_keeper(record->state)) return out;
  for (const LogFile& log : record->logs)
    if (log.dropped > 0 && log.trouble)
      out.losses.push_back(dropped_text(log.dropped) + " before: " + *log.trouble);
  return out;
}

/// The numbers of runs go on where the earlier keeper of this app ended.
Snapshot beginning_after(RunId last) {
  Snapshot out;
  out.next_run = last + 1;
  return out;
}

/// Opens the spec that a predecessor used, else the one in the home.
Done open_spec(Beginning& out, RoleTable& table) {
  out.spec_file = take_held(table.held, "spec");
  if (!out.spec_file) {
    auto file = out.home.open_spec(table.stem);
    if (!file) return file.error();
    out.spec_file = std::move(*file);
  }
  out.spec_file = out.home.private_spec(table.stem, std::move(out.spec_file));
  auto spec = out.home.read_spec(table.stem, out.spec_file.get());
  if (!spec) return spec.error();
  out.spec = std::move(*spec);
  out.environment = std::exchange(out.spec.environment, {});
  return {};
}

/// Looks for what a predecessor left: in the page, and if that is of no use, in the record.
void find_predecessor(Beginning& out, const RoleTable& table) {
  const bool has_page = static_cast<bool>(out.page);
  if (has_page)
    out.left = table.next ? all_left_behind(*out.page)
                          : left_behind(*out.page, table.stem, user_to_run_as(out.spec));
  const PageFacts known = facts_of(has_page ? kept_state_in(*out.page) : std::nullopt, out.left);
  const auto unknown = find_unknown_run(out.home, table, out.spec, known);
  Earlier earlier = out.name_lost ? Earlier() : read_earlier(out.home, table.stem, out.left || unknown);
  // A number is never given twice: the record may not know of the last run yet.
  earlier.last_run = std::max(earlier.last_run, known.next_run - 1);
  out.recovered = unknown || (table.next && !known.whole);
  if (unknown) out.found_pid = unknown->pid;
  if (out.recovered) {
    const auto record = out.name_lost ? Result<Status>(Error{}) : out.home.read_status(table.stem);
    if (unknown)
      out.left = recovered(record ? *record : Status(), out.spec, *unknown, earlier.last_run,
                           has_page ? out.page->inbox().written.load() : 0);
    else
      out.left = recovered_end(record);
  }
  out.machine = out.left ? out.left->state.machine : beginning_after(earlier.last_run);
  out.runs = std::move(earlier.runs);
  out.losses = std::move(earlier.losses);
}

}  // namespace

Result<Beginning> find_beginning(RoleTable& table) {
  auto home = open_home_of(table, Home::Create::yes);
  if (!home) return home.error();
  table.home = home->path();
  Beginning out(std::move(*home));
  // What the guard holds of a predecessor counts, whatever became of the files.
  out.name_lost = table.next && !out.home.is_lock_of(table.stem, table.lock);
  if (Done done = open_spec(out, table); !done) return done.error();
  Fd state = take_held(table.held, "state");
  out.page = state ? StatePage::open(std::move(state), out.home.state_path(table.stem))
                   : StatePage::open(out.home, table.stem);
  find_predecessor(out, table);
  const int no_page = out.page ? 0 : out.page.error().errnum;
  if ((no_page == ENOSPC || no_page == EDQUOT) && !table.next && !out.left) return out.page.error();
  return out;
}

std::string end_of_predecessor(int died) {
  const bool exited = (died & 1 << 16) != 0;
  const int code = died >> 8 & 0xff;
  if (exited && code == kOutOfMemory) return "had no memory left";
  if (exited) return code == 0 ? "" : "ended with code " + std::to_string(code);
  return died == 0 || died == SIGKILL ? "" : "was ended by " + signal_name(died);
}

const Life* life_of(const Snapshot& machine, RunId run) {
  for (const auto* slot : {&machine.serving, &machine.incoming})
    if (*slot && (*slot)->run == run) return &**slot;
  for (const Life& life : machine.leaving)
    if (life.run == run) return &life;
  return nullptr;
}

KeptRun claimed_run(const LeftBehind& left, const Spec& spec) {
  KeptRun out{.id = left.claimed_run, .pid = left.claimed_pid};
  out.start = process_start(out.pid).value_or(0);
  out.session = out.pid;
  out.keeper = left.state.keeper;
  out.twin = left.state.twin;
  out.user = user_to_run_as(spec);
  out.started_at = wall_now();
  out.began = steady_now();
  return out;
}

void remember_end(Recorder& recorder, const KeptState& state) {
  const auto& end = state.machine.last_end;
  if (!end || !state.last_exit_at) return;
  const auto& known = recorder.runs();
  if (std::any_of(known.begin(), known.end(), [&](const RunRecord& one) { return one.run == end->run; }))
    return;
  action::Announce exited{action::What::exited, end->run, end->pid};
  exited.exit = end->exit;
  exited.cause = end->cause;
  exited.lived = end->lived;
  recorder.resume(end->run, end->pid, *state.last_exit_at - end->lived, std::nullopt);
  recorder.note(exited, *state.last_exit_at, steady_now());
}

}  // namespace keeper
