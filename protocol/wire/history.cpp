#include "protocol/wire/history.hpp"

#include <utility>

namespace keeper {

RunRecord lost_run(const Status& record, std::string_view cause) {
  RunRecord run;
  run.run = record.run;
  run.pid = record.pid;
  run.started_at = record.started_at;
  run.confirmed_at = record.confirmed_at;
  run.exit = ExitInfo::unknown();
  run.cause = cause;
  return run;
}

void add_run(std::vector<RunRecord>& runs, RunRecord run) {
  if (runs.size() >= kMostRuns)
    runs.erase(runs.begin(), runs.end() - static_cast<std::ptrdiff_t>(kMostRuns - 1));
  runs.push_back(std::move(run));
}

std::string asker_text(const Asker& asker) {
  std::string who = asker.user;
  std::string ids;
  if (asker.uid) ids = "uid " + std::to_string(*asker.uid);
  if (asker.pid) ids += (ids.empty() ? "pid " : ", pid ") + std::to_string(*asker.pid);
  if (who.empty()) return ids.empty() ? asker.by : asker.by + " by " + ids;
  return asker.by + " by " + who + (ids.empty() ? "" : " (" + ids + ")");
}

}  // namespace keeper
