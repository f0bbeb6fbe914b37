// ctl stop
#include "ctl/ops/stop.hpp"
#include "ctl/cli/arguments.hpp"
#include "ctl/cli/context.hpp"
#include "ctl/commands/all.hpp"

namespace keeper {
namespace {

int run(Arguments& arguments) {
  std::vector<std::string> targets;
  std::optional<Millis> timeout;
  arguments.words(targets, "TARGET", 1);
  arguments.duration("--timeout", timeout,
                     "return after so long; what was begun goes on (default: no limit)");
  if (auto code = arguments.parse()) return *code;

  Deadline deadline = whole_command(timeout);
  Work work("stop");
  if (auto code = work.find(targets, to_find(timeout))) return *code;
  std::vector<Row> rows;
  for (const Chosen& app : work.apps) {
    if (has_keeper(app.row.status.state))
      rows.push_back(app.row);
    else if (app.is_explicit)
      work.fail(app.row.id, exit_code::not_running, "it is not running");
  }
  if (!rows.empty()) work.report(stop_apps(work.home(), rows, deadline));
  return work.exit_code();
}

}  // namespace

Command stop_command() {
  return {"stop",
          's',
          {},
          "TARGET...",
          "Stops programs, and their keepers.",
          "Returns when nothing is left of them: 'ctl stop api && keeper -n api ...' works.\n",
          "  ctl stop api            stop all instances of api\n"
          "  ctl -s 1140             stop what process 1140 belongs to\n"
          "  ctl stop all            stop everything\n",
          run};
}

}  // namespace keeper
