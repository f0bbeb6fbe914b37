#include "ctl/commands/start_rest.hpp"

#include <map>

#include "ctl/ops/fleet_state.hpp"
#include "ctl/ops/start.hpp"
#include "ctl/ops/stop.hpp"

namespace keeper {

void start_rest(Work& work, const std::vector<Chosen>& apps, const char* verb, bool wait,
                const SpecChange& change, const Deadline& deadline) {
  auto keeper = find_keeper();
  std::vector<AppId> ids;
  std::map<AppId, std::vector<std::string>> changes;
  for (const Chosen& app : apps) {
    const Row& row = app.row;
    if (!keeper) {
      work.fail(row.id, exit_code::failed, keeper.error().why());
      continue;
    }
    std::vector<Outcome> ended;
    if (is_orphan(row)) ended = stop_apps(work.home(), {row}, deadline, verb);
    if (!ended.empty() && ended.front().code != exit_code::done) {
      work.report(ended);
      continue;
    }
    if (!change.empty()) {
      auto changed = change_record(work.home(), row.id, change);
      if (!changed) {
        work.fail(row.id, exit_code::failed, changed.error().text());
        continue;
      }
      changes[row.id] = std::move(*changed);
    }
    ids.push_back(row.id);
  }
  if (ids.empty()) return;
  std::vector<Outcome> outcomes = start_apps(work.home(), *keeper, ids, wait, deadline);
  for (Outcome& one : outcomes)
    one.notes = std::move(changes[one.id]);
  work.report(outcomes);
}

}  // namespace keeper
