// Turns output into the lines of a log in the format `time` or `json`: splits, joins, formats.
//
// Pure: the time is passed in. A line that has not ended stays with the caller: bytes that are not returned
// as used must be passed again, with those that follow.
#pragma once
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <variant>

#include "keeper/log/line_format.hpp"
#include "keeper/log/line_join.hpp"

namespace keeper {

class LineFormatter {
 public:
  using Format = std::variant<TimeFormat, JsonFormat>;

  /// `starts`: matches the first line of a record; null: a line is a record.
  LineFormatter(Format format, LogStream stream, std::unique_ptr<LineMatcher> starts);

  /// Formats what follows.
  void use(Format format) { format_ = std::move(format); }
  static constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

  /// Formats the records that end in `bytes`, until at least `most` bytes (at least 1) are ready; returns how
  /// many bytes were used. The rest is further records, or the beginning of one whose end may still come.
  std::size_t feed(std::string_view bytes, WallTime time, int pid, std::uint64_t most = kNoLimit);
  /// Formats the beginning of a record after the wait for its end.
  void finish(std::string_view bytes, WallTime time, int pid);
  /// Ends the run: what follows begins a line.
  void end_run();
  /// Returns whether a line, or a record, continues after the used bytes: go_on() of the next formatter takes
  /// it.
  std::uint8_t state() const;
  void go_on(std::uint8_t state);
  /// Returns a line of keeper's own, formatted, with its newline.
  std::string own_line(std::string_view text, WallTime time, int pid);

  /// The formatted bytes, until clear().
  std::string_view out() const { return out_.bytes(); }
  void clear() { out_.clear(); }
  /// Releases the memory.
  void release() { out_.release(); }

 private:
  void add(OutBuffer& out, const LinePiece& piece, WallTime time, LogStream stream, int pid);
  void take(const LinePiece& piece, WallTime time, int pid);

  Format format_;
  LogStream stream_;
  LineSplitter splitter_;
  std::optional<LineJoin> join_;
  const char* record_ = nullptr;   ///< the beginning of the waiting record, during feed()
  bool record_continues_ = false;  ///< it begins within a line
  OutBuffer out_;
};

}  // namespace keeper
