// Parts of a log, over all of its files: those written in a period or by one run, or the last lines of them.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "protocol/base/units.hpp"
#include "protocol/logs/files.hpp"

namespace keeper {

/// From one place to another. `begin.file.inode` is 0 if there is no file.
struct LogRange {
  LogSpot begin;
  LogSpot end;
  bool rough = false;  ///< the lines at its ends may be older or younger than asked for: their time is
                       ///< unknown
  bool empty() const {
    return begin.file.inode == 0 || (begin.file.same_file(end.file) && begin.offset >= end.offset);
  }
};

/// Returns all that is there now.
Result<LogRange> whole_log(const std::string& path);

/// Returns the part of a range that was written at `since` or later, and at `until` or before. Exact to the
/// second if lines do not say their time, and then rather more than less.
Result<LogRange> written_between(const std::string& path, LogRange range, std::optional<WallTime> since,
                                 std::optional<WallTime> until);

/// Returns whether a line counts; the text is cut off at 64 KiB.
using LineFilter = std::function<bool(std::string_view line)>;

/// Returns the last `count` lines of a range that `filter` accepts (none: all), searched from the end;
/// kNoLimit: all of them.
Result<LogRange> last_lines(const std::string& path, LogRange range, std::uint64_t count,
                            const LineFilter& filter);

/// A run, as far as it is known.
struct RunWanted {
  int pid = 0;
  std::optional<WallTime> started;
  std::optional<WallTime> ended;
  bool lives = false;
};
/// Returns what one run wrote, with the keeper's lines about its start and its end; without these lines, what
/// was written between the two times. Nothing if the log does not contain such a run.
Result<std::optional<LogRange>> range_of_run(const std::string& path, const LogRange& range,
                                             const RunWanted& run);

}  // namespace keeper
