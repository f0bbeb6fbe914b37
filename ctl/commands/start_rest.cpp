#include "ctl/commands/start_rest.hpp"

#include "ctl/fleet/reach.hpp"
#include "ctl/fleet/starter.hpp"
#include "ctl/fleet/stopper.hpp"

namespace keeper {

void start_rest(Work& work, const std::vector<Chosen>& apps, const char* verb, bool wait,
                const SpecChange& change, const Deadline& deadline) {
  auto keeper = find_keeper();
  std::vector<AppId> ids;
  for (const Chosen& app : apps) {
    const Row& row = app.row;
    if (!keeper) {
      work.fail(row.id, exit_code::failed, keeper.error().why());
      continue;
    }
    if (!change.empty()) {
      work.fail(
          row.id, exit_code::failed,
          "it is not running, and has no keeper that could change its variables; start it with keeper -n " +
              row.id.name + " and all of its options");
      continue;
    }
    std::vector<Outcome> ended;
    if (is_orphan(row) || is_being_ended(row)) ended = stop_apps(work.home(), {row}, deadline, verb);
    if (ended.empty() || ended.front().code == exit_code::done)
      ids.push_back(row.id);
    else
      work.report(ended);
  }
  if (!ids.empty()) work.report(start_apps(work.home(), *keeper, ids, wait, deadline));
}

}  // namespace keeper
