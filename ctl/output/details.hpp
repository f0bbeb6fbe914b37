// What `ctl show` says of one app.
#pragma once
#include <string>

#include "protocol/wire/spec.hpp"
#include "protocol/wire/status.hpp"

namespace keeper {

/// Aligned "key: value" lines. Of the spec only what is not at its default.
std::string details_text(const Status& app, const Spec& spec, bool coloured, WallTime now);

/// Whether a variable's value is likely to be a secret, by its name: API_KEY, GITHUB_TOKEN, DB_PASSWORD.
bool is_secret(std::string_view key);

/// The spec with "***" for the values of such variables: what is shown is pasted into reports.
Spec without_secrets(Spec spec);

}  // namespace keeper
