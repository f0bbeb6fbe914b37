// ctl reload
#include "ctl/ops/reload.hpp"
#include "ctl/cli/context.hpp"
#include "ctl/commands/all.hpp"
#include "ctl/commands/spec_options.hpp"
#include "ctl/commands/start_rest.hpp"

namespace keeper {
namespace {

int run(Arguments& arguments) {
  std::vector<std::string> targets;
  std::optional<Millis> timeout;
  std::string parallel = "1";
  ReloadOptions options;
  SpecOptions spec;
  arguments.words(targets, "TARGET", 1);
  arguments.duration("--canary", options.canary,
                     "keep the old one until the new one has worked for so long (default: 0)");
  arguments.text("--parallel", parallel, "N", "reload so many at a time (default: 1)");
  spec.declare(arguments);
  arguments.duration("--timeout", timeout,
                     "return after so long; what was begun goes on (default: no limit)");
  if (auto code = arguments.parse()) return *code;
  auto number = parse_number(parallel, 1, 10'000);
  if (!number) return arguments.wrong("--parallel: " + number.error().why());
  options.parallel = static_cast<std::size_t>(*number);
  if (auto code = spec.check(arguments)) return *code;
  options.change = spec.change();

  Deadline deadline = whole_command(timeout);
  Work work("reload");
  if (auto code = work.find(targets, to_find(timeout))) return *code;
  std::vector<Chosen> rest;
  const std::vector<Row> kept = work.with_a_keeper(rest);
  if (!kept.empty()) work.report(reload_apps(work.home(), kept, options, deadline));
  if (!rest.empty()) start_rest(work, rest, "reload", true, options.change, deadline);
  return work.exit_code();
}

}  // namespace

Command reload_command() {
  return {
      "reload",
      0,
      {},
      "TARGET...",
      "Starts a new run beside the old one, which stops when the new one works.",
      "If the new run fails, the old one goes on, and the reason is said (exit code 1). A stopped app is\n"
      "started. The program must not hold its port itself: see keeper --listen.\n",
      "  ctl reload api                  no connection is refused meanwhile\n"
      "  ctl reload api --canary 5s      the old one goes on if the new one ends within 5 s\n"
      "  ctl reload api -e LEVEL=debug   with another variable from now on\n",
      run};
}

}  // namespace keeper
