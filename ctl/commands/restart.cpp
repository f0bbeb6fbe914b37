// ctl restart
#include "ctl/ops/restart.hpp"
#include "ctl/cli/context.hpp"
#include "ctl/commands/all.hpp"
#include "ctl/commands/spec_options.hpp"
#include "ctl/commands/start_options.hpp"
#include "ctl/commands/start_rest.hpp"

namespace keeper {
namespace {

int run(Arguments& arguments) {
  StartOptions options;
  SpecOptions spec;
  spec.declare(arguments);
  if (auto code = options.read(arguments)) return *code;
  if (auto code = spec.check(arguments)) return *code;

  Deadline deadline = whole_command(options.timeout);
  Work work("restart");
  if (auto code = work.find(options.targets, to_find(options.timeout))) return *code;
  std::vector<Chosen> rest;
  const std::vector<Row> kept = work.with_a_keeper(rest);
  if (!kept.empty()) work.report(restart_apps(work.home(), kept, options.wait, spec.change(), deadline));
  if (!rest.empty()) start_rest(work, rest, "restart", options.wait, spec.change(), deadline);
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
          "  ctl -R api:1 --wait     restart one of them, return when it works\n"
          "  ctl restart api -e A=1  with another variable from now on\n",
          run};
}

}  // namespace keeper
