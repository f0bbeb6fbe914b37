// The lines of one file of a log, one after the other, forwards or from the end. The text of a line longer
// than 64 KiB is its first 64 KiB; nothing longer is held.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/logs/content.hpp"

namespace keeper {

inline constexpr std::size_t kMostLineText = 64 << 10;

struct LineAt {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  ///< after its newline
  std::string_view text;  ///< without the newline; valid until the next call
};

class LinesForward {
 public:
  /// The lines from `begin`, which is the start of a line, that begin before `end`.
  LinesForward(LogContent& log, std::uint64_t begin, std::uint64_t end) : log_(log), at_(begin), end_(end) {}
  /// Returns nothing after the last one. Errors: the system's.
  Result<std::optional<LineAt>> next();

 private:
  LogContent& log_;
  std::uint64_t at_, end_;
  std::string block_;  ///< the bytes from block_at_ on
  std::uint64_t block_at_ = 0;
};

class LinesBackward {
 public:
  /// The lines between two places, each the beginning of a line or the end of the file, last one first.
  LinesBackward(LogContent& log, std::uint64_t begin, std::uint64_t end)
      : log_(log), begin_(begin), at_(end) {}
  Result<std::optional<LineAt>> next();

 private:
  Result<std::uint64_t> beginning();
  Result<std::string_view> text_of(std::uint64_t begin, std::uint64_t end);
  Done load(std::uint64_t end);

  LogContent& log_;
  std::uint64_t begin_, at_;
  std::string block_;
  std::uint64_t block_at_ = 0;
  std::string text_;  ///< of a line that exceeds the block
};

/// Returns the start of the first line that begins at `offset` or after it, at most `end`.
Result<std::uint64_t> next_line_begin(LogContent& log, std::uint64_t offset, std::uint64_t end);

}  // namespace keeper
