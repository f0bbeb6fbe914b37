// Reloads apps that were chosen: a new run beside the old one, which ends when the new one works.
#pragma once
#include <vector>

#include "ctl/ops/outcome.hpp"
#include "ctl/ops/spec_change.hpp"
#include "protocol/client/deadline.hpp"
#include "protocol/client/fleet.hpp"

namespace keeper {

struct ReloadOptions {
  std::optional<Millis> canary;  ///< how long a new run has to live on after it was ready
  std::size_t parallel = 1;      ///< how many at a time
  SpecChange change;
};

/// Where one is not reloaded, the other instances of its app are left as they are.
std::vector<Outcome> reload_apps(const Home& home, const std::vector<Row>& rows, const ReloadOptions& options,
                                 const Deadline& deadline);

}  // namespace keeper
