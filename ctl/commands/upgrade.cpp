// ctl upgrade
#include <climits>
#include <cstdlib>

#include "ctl/cli/arguments.hpp"
#include "ctl/cli/context.hpp"
#include "ctl/commands/all.hpp"
#include "ctl/ops/fleet_state.hpp"
#include "ctl/ops/start.hpp"
#include "ctl/ops/upgrade.hpp"

namespace keeper {
namespace {

int run(Arguments& arguments) {
  std::vector<std::string> targets;
  std::string given;
  std::optional<Millis> timeout;
  arguments.words(targets, "TARGET", 1);
  arguments.text("--keeper", given, "PATH",
                 "the program file to go on with (default: the one beside ctl, or in PATH)");
  arguments.duration("--timeout", timeout, "return after so long (default: no limit)");
  if (auto code = arguments.parse()) return *code;
  Deadline deadline = whole_command(timeout);
  Work work("upgrade");
  if (auto code = work.find(targets, to_find(timeout))) return *code;
  Result<std::string> program = given.empty() ? find_keeper() : Result<std::string>(given);
  char real[PATH_MAX] = {};
  std::vector<Row> rows;
  for (const Chosen& app : work.apps) {
    if (!program)
      work.fail(app.row.id, exit_code::failed, program.error().why());
    else if (realpath(program->c_str(), real) == nullptr)
      work.fail(app.row.id, exit_code::failed, system_error("", *program).why());
    else if (is_deaf(app.row))
      work.fail(app.row.id, exit_code::partly, deaf(app.row).why());
    else if (app.row.answered)
      rows.push_back(app.row);
    else if (app.is_explicit)
      work.fail(app.row.id, exit_code::not_running, "it is not running");
  }
  if (!rows.empty()) work.report(upgrade_keepers(work.home(), rows, real, deadline));
  return work.exit_code();
}

}  // namespace

Command upgrade_command() {
  return {
      "upgrade",
      0,
      {},
      "TARGET...",
      "Has keepers go on as a new program file, without a restart.",
      "The programs run on, no line of their output is lost, and whoever connects is answered by the new\n"
      "keeper. If either half does not start, or does not answer within 2 s, both run the old file again.\n",
      "  ctl upgrade all                      after a new version was installed\n"
      "  ctl upgrade api --keeper ./keeper    to try one\n"
      "  ctl list -w                          says which version each runs, and which are stale\n",
      run};
}

}  // namespace keeper
