#include "ctl/commands/start_options.hpp"

namespace keeper {

std::optional<int> StartOptions::read(Arguments& arguments) {
  arguments.words(targets, "TARGET", 1);
  arguments.flag("--wait", wait, "return when they have confirmed that they work, not when they are spawned");
  arguments.duration("--timeout", timeout,
                     "return after so long; what was begun goes on (default: no limit)");
  return arguments.parse();
}

}  // namespace keeper
