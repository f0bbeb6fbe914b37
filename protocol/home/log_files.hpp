// The last lines of a log, read from its files in constant memory. Used by ctl (no keeper need live) and by
// the keeper for `logs`.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/home/log_chain.hpp"

namespace keeper {

inline constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

/// Where the last lines of one file begin.
struct LastLines {
  std::uint64_t offset = 0;
  std::uint64_t lines = 0;  ///< how many there are
  bool cut = false;         ///< there are more, beyond the limit
  bool partial = false;     ///< of the first line only the end is within the limit
};
/// Goes back from `end` until `count` lines are found, or `limit` bytes are seen, or the file begins, in
/// blocks of 64 KiB. A last line without newline counts as one.
Result<LastLines> find_last_lines(LogContent& log, std::uint64_t end, std::uint64_t count,
                                  std::uint64_t limit);

/// Where the last `count` lines of an open file begin: an offset.
Result<std::uint64_t> tail_offset(int fd, std::uint64_t count);

/// The last lines of a log: of PATH, and where that has too few, of PATH.1, PATH.2 ... before it. At most
/// `most` bytes, newlines counted: what is older is left out (`truncated`); where not even one line fits, it
/// is the end of that line. A log that is not there yet has no lines.
struct Tail {
  std::vector<std::string> lines;  ///< without newline, oldest first
  std::uint64_t bytes = 0;         ///< size of PATH now
  bool truncated = false;
  LogSpot end;                   ///< behind the last line; of no file where there is none
  std::uint64_t unfinished = 0;  ///< bytes of the last line, where it has no newline yet
};
Result<Tail> read_tail(const std::string& path, std::uint64_t count, std::size_t most);

}  // namespace keeper
