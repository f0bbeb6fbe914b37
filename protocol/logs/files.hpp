// The last lines of a log, read from its files in constant memory. Used by ctl (no keeper need live) and by
// the keeper for `logs`.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/logs/chain.hpp"

namespace keeper {

inline constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

/// The place at which the last lines of one file begin.
struct LastLines {
  std::uint64_t offset = 0;
  std::uint64_t lines = 0;  ///< number of lines
  bool cut = false;         ///< there are more, beyond the limit
  bool partial = false;     ///< the limit cuts the first line: only its end is within it
};
/// Reads back from `end` until `count` lines are found, `limit` bytes are read, or the file begins, in blocks
/// of 64 KiB. A last line without a newline counts as one.
Result<LastLines> find_last_lines(LogContent& log, std::uint64_t end, std::uint64_t count,
                                  std::uint64_t limit);

/// Returns the offset of the last `count` lines of an open file.
Result<std::uint64_t> tail_offset(int fd, std::uint64_t count);

/// The last lines of a log: of PATH, and if that has too few, of PATH.1, PATH.2 ... before it. At most `most`
/// bytes with newlines: older lines are omitted (`truncated`). If not even one line fits, it is the end of
/// that line. A missing log has no lines.
struct Tail {
  std::vector<std::string> lines;  ///< without newline, oldest first
  std::uint64_t bytes = 0;         ///< current size of PATH
  bool truncated = false;
  LogSpot end;                   ///< after the last line; of no file if there is none
  std::uint64_t unfinished = 0;  ///< bytes of the last line if it has no newline yet
};
Result<Tail> read_tail(const std::string& path, std::uint64_t count, std::size_t most);

}  // namespace keeper
