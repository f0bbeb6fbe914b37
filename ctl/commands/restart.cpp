// ctl restart
#include "ctl/commands/all.hpp"
#include "ctl/commands/start_options.hpp"
#include "ctl/commands/work.hpp"
#include "ctl/fleet/reach.hpp"
#include "ctl/fleet/runner.hpp"
#include "ctl/fleet/starter.hpp"
#include "ctl/fleet/stopper.hpp"

namespace keeper {
namespace {

/// A stopped app is started, and so is one that was left without a keeper, once its old program has ended.
void start_rest(Work& work, const std::vector<Row>& rows, bool wait, const Deadline& deadline) {
  auto keeper = find_keeper();
  std::vector<AppId> ids;
  for (const Row& row : rows) {
    if (!keeper) {
      work.fail(row.id, exit_code::failed, keeper.error().why());
      continue;
    }
    std::vector<Outcome> ended;
    if (is_orphan(row) || is_being_ended(row)) ended = stop_apps(work.home(), {row}, deadline, "restart");
    if (ended.empty() || ended.front().code == exit_code::done)
      ids.push_back(row.id);
    else
      work.report(ended);
  }
  if (!ids.empty()) work.report(start_apps(work.home(), *keeper, ids, wait, deadline));
}

int run(Arguments& arguments) {
  StartOptions options;
  if (auto code = options.read(arguments)) return *code;

  Deadline deadline = whole_command(options.timeout);
  Work work("restart");
  if (auto code = work.find(options.targets, to_find(options.timeout))) return *code;
  std::vector<Row> kept, rest;
  for (const Chosen& app : work.apps) {
    if (is_deaf(app.row))
      work.fail(app.row.id, exit_code::partly, deaf(app.row).why());
    else
      (app.row.answered ? kept : rest).push_back(app.row);
  }
  if (!kept.empty()) work.report(restart_apps(work.home(), kept, options.wait, deadline));
  if (!rest.empty()) start_rest(work, rest, options.wait, deadline);
  return work.exit_code();
}

}  // namespace

Command restart_command() {
  return {"restart",
          'R',
          {},
          "TARGET...",
          "Stops programs and starts them again.",
          "A stopped app is started.\n",
          "  ctl restart api         restart all instances of api\n"
          "  ctl -R api:1 --wait     restart one of them, return when it works\n",
          run};
}

}  // namespace keeper
