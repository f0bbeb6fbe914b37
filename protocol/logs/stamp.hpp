// The time in a line of a log, and whether the line is a mark of the keeper.
//
//   [keeper] 2026-11-20T17:24:00.123Z started pid 1140          a mark in a `raw` log
//   2026-11-20T17:24:00.123+01:00 LINE                          in a `time` log; LINE may be a mark
//   {"t":"2026-11-20T17:24:00.123+01:00","stream":"out",...}    in a `json` log
//
// A program may write such lines itself: their times count only if nothing else is known, or if they agree
// with it.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace keeper {

/// A time of RFC 3339, with milliseconds and a zone, at the start of a text.
struct StampAtStart {
  std::int64_t ms = 0;     ///< since 1970
  std::size_t length = 0;  ///< of its text
};
std::optional<StampAtStart> stamp_at_start(std::string_view text);

/// Returns when the line was written, in milliseconds since 1970.
std::optional<std::int64_t> stamp_of_line(std::string_view line);

/// Returns whether it is a line of the keeper itself in a `raw` or `time` log.
bool is_own_line(std::string_view line);

/// The beginning or end of a run.
struct RunMark {
  enum class Kind { started, ended };
  Kind kind = Kind::started;
  int pid = 0;
};
std::optional<RunMark> run_mark_of(std::string_view line);

}  // namespace keeper
