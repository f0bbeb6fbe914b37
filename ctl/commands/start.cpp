// ctl start
#include "ctl/ops/start.hpp"
#include "ctl/cli/context.hpp"
#include "ctl/commands/all.hpp"
#include "ctl/commands/start_options.hpp"
#include "ctl/ops/fleet_state.hpp"
#include "ctl/ops/restart.hpp"

namespace keeper {
namespace {

struct Sorted {
  std::vector<AppId> without_keeper;  ///< to be started
  std::vector<Row> stopping;          ///< to be started when that is done
  std::vector<Outcome> already;       ///< kept, and up or on the way there
};

/// What is to be done with whom; says of the others why they are not started.
Sorted sorted(Work& work) {
  Sorted out;
  for (const Chosen& app : work.apps) {
    const Status& status = app.row.status;
    std::string stem = app.row.id.stem();
    if (is_stuck(app.row) && status.wanted == Wanted::up)
      work.fail(app.row.id, exit_code::failed, stuck(app.row).why());
    else if (is_deaf(app.row))
      work.fail(app.row.id, exit_code::partly, deaf(app.row).why());
    else if (is_orphan(app.row) || !has_keeper(status.state))
      out.without_keeper.push_back(app.row.id);
    else if (status.state == State::stopping && status.wanted == Wanted::down)
      out.stopping.push_back(app.row);
    else
      out.already.push_back(Outcome::done(app.row.id, already_text(stem, status)));
  }
  return out;
}

int run(Arguments& arguments) {
  StartOptions options;
  if (auto code = options.read(arguments)) return *code;

  Deadline deadline = whole_command(options.timeout);
  Work work("start");
  if (auto code = work.find(options.targets, to_find(options.timeout))) return *code;
  Sorted apps = sorted(work);
  if (options.wait) await_ready(work.home(), apps.already, deadline);
  work.report(apps.already);
  if (!apps.stopping.empty())
    work.report(start_after_stop(work.home(), apps.stopping, options.wait, deadline));
  const std::vector<AppId>& ids = apps.without_keeper;
  if (ids.empty()) return work.exit_code();
  auto keeper = find_keeper();
  if (keeper)
    work.report(start_apps(work.home(), *keeper, ids, options.wait, deadline));
  else
    for (const AppId& id : ids)
      work.fail(id, exit_code::failed, keeper.error().why());
  return work.exit_code();
}

}  // namespace

Command start_command() {
  return {"start",
          0,
          {},
          "TARGET...",
          "Starts stopped apps again.",
          "A new app is started by keeper: keeper -d ./program\n",
          "  ctl start api           start api as it was configured\n"
          "  ctl start all --wait    start everything that is stopped, return when it works\n",
          run};
}

}  // namespace keeper
