// From output to the lines of a log in the format `time` or `json`: cutting, joining, dressing.
//
// Pure: it is told the time. A line that has not ended stays with whoever feeds it: what is not given back as
// used is handed in again, with what came behind it.
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

  /// `starts`: what the first line of a record matches; null: a line is a record.
  LineFormatter(Format format, LogStream stream, std::unique_ptr<LineMatcher> starts);

  /// Of what is dressed from now on.
  void use(Format format) { format_ = std::move(format); }
  static constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

  /// Dresses the records that end in `bytes`, until `most` bytes (at least 1) are ready or more; how many
  /// bytes were used. The rest is more of them, or the beginning of a record whose end may still come.
  std::size_t feed(std::string_view bytes, WallTime time, int pid, std::uint64_t most = kNoLimit);
  /// Dresses the beginning of a record, whose end has been waited for long enough.
  void finish(std::string_view bytes, WallTime time, int pid);
  /// A run has ended: what comes next begins a line.
  void end_run();
  /// Tells whether a line, or a record, goes on behind the bytes that were used: go_on() of the next
  /// formatter takes it.
  std::uint8_t state() const;
  void go_on(std::uint8_t state);
  /// A line of keeper's own, dressed, with its newline.
  std::string own_line(std::string_view text, WallTime time, int pid);

  /// What is ready, until clear().
  std::string_view out() const { return out_.bytes(); }
  void clear() { out_.clear(); }
  /// Gives the memory back.
  void release() { out_.release(); }

 private:
  void add(OutBuffer& out, const LinePiece& piece, WallTime time, LogStream stream, int pid);
  void take(const LinePiece& piece, WallTime time, int pid);

  Format format_;
  LogStream stream_;
  LineSplitter splitter_;
  std::optional<LineJoin> join_;
  const char* record_ = nullptr;   ///< where the record that waits begins, while it is fed
  bool record_continues_ = false;  ///< it begins within a line
  OutBuffer out_;
};

}  // namespace keeper
