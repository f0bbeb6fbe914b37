#include "ctl/ops/run_history.hpp"

#include "protocol/base/line_buffer.hpp"
#include "protocol/client/client.hpp"

namespace keeper {
namespace {

constexpr std::size_t kLastWords = 5;

/// The record is written once a second at most: what a living keeper says of its last run may be newer.
std::optional<RunWanted> last_of(const Row& row, int pid) {
  const auto& exit = row.status.last_exit;
  if (!exit || exit->pid != pid) return std::nullopt;
  RunWanted run{pid, std::nullopt, exit->at, false};
  if (exit->at) run.started = *exit->at - Millis(exit->after_ms);
  return run;
}

std::optional<RunWanted> recorded(const Home& home, const Row& row, int pid) {
  if (auto last = last_of(row, pid)) return last;
  std::optional<RunWanted> found;
  for (const RunRecord& run : home.read_runs(row.id.stem()))
    if (run.pid == pid) found = RunWanted{pid, run.started_at, run.ended_at, false};
  return found;
}

}  // namespace

Result<RunHistory> history_of(const Home& home, const Row& row, Millis wait) {
  const auto recorded = [&] { return RunHistory{home.read_runs(row.id.stem())}; };
  if (!row.answered) return recorded();
  auto client = Client::connect(home, row.id.stem());
  if (!client) return recorded();  // it has left meanwhile
  auto history = client->call(GetWhy{}, wait, "");
  if (history || history.error().reason == Reason::timeout) return history;
  return recorded();
}

std::vector<std::string> last_words(const Home& home, const Row& row, Millis wait) {
  auto history = history_of(home, row, wait);
  if (!history || history->runs.empty()) return {};
  std::vector<std::string> lines = split_lines(history->runs.back().output.text);
  if (lines.size() > kLastWords) lines.erase(lines.begin(), lines.end() - kLastWords);
  return lines;
}

std::optional<WallTime> end_of_run(const Home& home, const Row& row, int pid) {
  auto run = recorded(home, row, pid);
  if (!run) return std::nullopt;
  return run->ended.value_or(run->started.value_or(WallTime{}));
}

RunWanted run_with_pid(const Home& home, const Row& row, int pid) {
  if (row.status.pid == pid) return {pid, row.status.started_at, std::nullopt, true};
  return recorded(home, row, pid).value_or(RunWanted{pid, std::nullopt, std::nullopt, false});
}

}  // namespace keeper
