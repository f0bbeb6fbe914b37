// What `ctl show` says of one app.
#pragma once
#include <string>

#include "protocol/wire/spec.hpp"
#include "protocol/wire/status.hpp"

namespace keeper {

/// Aligned "key: value" lines. The spec is cut to what is not at its default, with the values of variables
/// that it holds.
std::string details_text(const Status& app, const Spec& spec, bool coloured, WallTime now);

/// The spec with "***" for the value of every variable, given or inherited: what is shown is pasted into
/// reports, and a name does not tell whether a value is a secret (DATABASE_URL).
Spec without_values(Spec spec);

}  // namespace keeper
