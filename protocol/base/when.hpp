// A moment as people write it: a time ago, or a date.
#pragma once
#include <string_view>

#include "protocol/base/units.hpp"

namespace keeper {

/// Parses "10m", "2h30m", "1d" ago (a bare number is seconds); "2026-11-20", "2026-11-20T17:24", "2026-11-20
/// 17:24:00.5"; "17:24" today. In the local zone, or in the one that follows ("Z", "+01:00"). Errors:
/// invalid, with examples.
Result<WallTime> parse_moment(std::string_view text, WallTime now);

}  // namespace keeper
