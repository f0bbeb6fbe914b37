// What a line of a log says of itself: when it was written, and whether it is a mark of the keeper's.
//
//   [keeper] 2026-11-20T17:24:00.123Z started pid 1140          a mark in a `raw` log
//   2026-11-20T17:24:00.123+01:00 LINE                          in a `time` log; LINE may be a mark
//   {"t":"2026-11-20T17:24:00.123+01:00","stream":"out",...}    in a `json` log
//
// A program may write such lines itself: what it says of the time is to be believed only where nothing else
// is known, or where it agrees with that.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace keeper {

/// A time as RFC 3339 has it, with milliseconds and a zone, at the start of a text.
struct StampAtStart {
  std::int64_t ms = 0;     ///< since 1970
  std::size_t length = 0;  ///< of its text
};
std::optional<StampAtStart> stamp_at_start(std::string_view text);

/// When the line was written, in milliseconds since 1970.
std::optional<std::int64_t> stamp_of_line(std::string_view line);

/// Whether it is a line of the keeper's own in a `raw` or `time` log.
bool is_own_line(std::string_view line);

/// Where a run begins or ends.
struct RunMark {
  enum class Kind { started, ended };
  Kind kind = Kind::started;
  int pid = 0;
};
std::optional<RunMark> run_mark_of(std::string_view line);

}  // namespace keeper
