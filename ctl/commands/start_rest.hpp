// What restart and reload do with apps that have no run to be replaced.
#pragma once
#include "ctl/cli/context.hpp"
#include "ctl/ops/spec_change.hpp"

namespace keeper {

/// A stopped app is started, and so is one that was left without a keeper, once its old program has ended.
void start_rest(Work& work, const std::vector<Chosen>& apps, const char* verb, bool wait,
                const SpecChange& change, const Deadline& deadline);

}  // namespace keeper
