// Parts of a log, over all of its files: what was written in some time, or by one run, or the last lines of
// it.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "protocol/home/log_files.hpp"
#include "protocol/wire/units.hpp"

namespace keeper {

/// From one place to another. `begin.file.inode` is 0 where there is no file.
struct LogRange {
  LogSpot begin;
  LogSpot end;
  bool rough = false;  ///< what is at its ends may be older or younger than asked for: nobody knows when it
                       ///< was written
  bool empty() const {
    return begin.file.inode == 0 || (begin.file.same_file(end.file) && begin.offset >= end.offset);
  }
};

/// All that is there now.
Result<LogRange> whole_log(const std::string& path);

/// What of a range was written at `since` or later, and at `until` or before. To the second where lines do
/// not say when they were written, and then rather more than less.
Result<LogRange> written_between(const std::string& path, LogRange range, std::optional<WallTime> since,
                                 std::optional<WallTime> until);

/// Says which lines count; the text is cut off at 64 KiB.
using LineFilter = std::function<bool(std::string_view line)>;

/// The last `count` lines of a range that `filter` accepts (none: all), found from the end; kNoLimit: all
/// of them.
Result<LogRange> last_lines(const std::string& path, LogRange range, std::uint64_t count,
                            const LineFilter& filter);

/// A run, as far as it is known.
struct RunWanted {
  int pid = 0;
  std::optional<WallTime> started;
  std::optional<WallTime> ended;
  bool lives = false;
};
/// What one run wrote, with the keeper's lines about its start and its end; without these lines, what was
/// written between the two times. Nothing if the log does not know of such a run.
Result<std::optional<LogRange>> range_of_run(const std::string& path, const LogRange& range,
                                             const RunWanted& run);

}  // namespace keeper
