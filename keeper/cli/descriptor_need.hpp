// How many descriptors a keeper needs: a start with fewer is refused before anything of the app is written.
#pragma once
#include <optional>

#include "protocol/wire/spec.hpp"

namespace keeper {

/// Says that this process may not open as many files (RLIMIT_NOFILE) as a keeper of the app needs for starts,
/// reloads, orders, rotations and the end. Returns the exit code then. `by_node`: node runs the program.
std::optional<int> check_descriptor_limit(const Spec& spec, bool by_node);

}  // namespace keeper
