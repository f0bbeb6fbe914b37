// What `start` and `restart` are told alike.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ctl/cli/arguments.hpp"
#include "protocol/base/units.hpp"

namespace keeper {

struct StartOptions {
  std::vector<std::string> targets;
  bool wait = false;  ///< until they have confirmed that they work
  std::optional<Millis> timeout;

  /// Reads them; the exit code of a command that ends here, if it does.
  std::optional<int> read(Arguments& arguments);
};

}  // namespace keeper
