// ctl why
#include <climits>
#include <cstdio>

#include "ctl/cli/arguments.hpp"
#include "ctl/cli/context.hpp"
#include "ctl/commands/all.hpp"
#include "ctl/ops/run_history.hpp"
#include "ctl/output/why_text.hpp"
#include "protocol/store/port_holder.hpp"
#include "protocol/wire/codec.hpp"

namespace keeper {
namespace {

/// A run that was alive when its keeper ended unseen is in no list yet.
void add_lost_run(const Home& home, const Row& row, std::vector<RunRecord>& runs) {
  const auto& exit = row.status.last_exit;
  if (row.answered || row.keeper_lives || !exit) return;
  if (exit->cause != "keeper lost" && exit->cause != "reboot") return;
  if (auto record = home.read_status(row.id.stem()); record && record->pid)
    add_run(runs, lost_run(*record, exit->cause));
}

void print(const Home& home, const Row& row, const RunHistory& history, std::size_t most, bool json) {
  if (!json) {
    const auto& runs = history.runs;
    const std::string conflict = runs.empty() ? "" : port_conflict(home, row.id, runs.back().output.text);
    std::fputs(why_text(row.status, history, most, wall_now(), conflict).c_str(), stdout);
    return;
  }
  // Both are objects: the first one's last character is '}', and the second one's first is '{'.
  std::string text = row.json.empty() ? write_as(row.status) : row.json;
  text.resize(text.rfind('}'));
  text += "," + write_as(history).substr(1) + "\n";
  std::fputs(json_for_stdout(std::move(text)).c_str(), stdout);
}

int run(Arguments& arguments) {
  std::vector<std::string> targets;
  std::string count = "5";
  bool json = false;
  std::optional<Millis> timeout;
  arguments.words(targets, "TARGET", 1);
  arguments.text("-n,--runs", count, "N", "how many runs (5)");
  arguments.flag("--json", json, "a JSON object: what list --json has, and all runs, the newest last");
  arguments.duration("--timeout", timeout, "how long its keeper may take to answer (2s)");
  if (auto code = arguments.parse()) return *code;
  auto most = parse_number(count, 1, INT_MAX);
  if (!most) return arguments.wrong("-n: '" + count + "' is no number of runs, such as 5");

  Work work("say why");
  Millis wait = timeout.value_or(kAskWait);
  if (auto code = work.find(targets, wait, true)) return *code;
  bool first = true;
  for (const Chosen& app : work.apps) {
    auto history = history_of(work.home(), app.row, wait);
    if (!history) {
      work.fail(app.row.id, exit_code::partly, history.error().why());
      continue;
    }
    add_lost_run(work.home(), app.row, history->runs);
    if (!first && !json) std::printf("\n");
    first = false;
    print(work.home(), app.row, *history, static_cast<std::size_t>(*most), json);
    work.shown(app.row);
  }
  return work.exit_code();
}

}  // namespace

Command why_command() {
  return {
      "why",
      0,
      {},
      "TARGET...",
      "Says how the last runs ended, and what was done then.",
      "First what is going on now, then each run, the newest first: its exit, who asked for it, how long it\n"
      "lived, what was decided, its last lines. A keeper remembers 32 runs; a stopped app has them too.\n",
      "  ctl why api             its last 5 runs\n"
      "  ctl why api -n 1        the last one only\n"
      "  ctl why api --json      all of it, for scripts\n",
      run};
}

}  // namespace keeper
