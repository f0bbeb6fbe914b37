// One log under way to whoever wants to read it: the part of it that is wanted, then, if that is wanted too,
// what is written from now on. As bytes, or line by line. Holds a piece of it, and no more than a line.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctl/logs/place.hpp"
#include "protocol/base/line_matcher.hpp"
#include "protocol/logs/cursor.hpp"
#include "protocol/logs/follower.hpp"
#include "protocol/logs/range.hpp"
#include "protocol/logs/times.hpp"

namespace keeper {

/// What is wanted of a log.
struct LogWish {
  std::uint64_t lines = kNoLimit;  ///< the last ones of what else is wanted
  bool follow = false;
  bool watch = true;  ///< of one that is followed: inotify wakes it; else it is looked at every 250 ms
  std::optional<WallTime> since, until;
  std::string grep;              ///< an expression; empty: every line
  std::optional<RunWanted> run;  ///< what it wrote
  std::vector<LogCursor> after;  ///< of this log one at most; with any, a log without one is new
  std::string stream;            ///< "out" or "err" of a log that has both; empty: all
  bool timed = false;            ///< lines come with their times
};

struct LogLine {
  std::string_view text;  ///< without newline; a line longer than 64 KiB comes in pieces
  bool begins = true;     ///< its first piece
  bool ends = true;       ///< its last one
  std::optional<WallTime>
      time;     ///< when it was written, to the second at least; never before the line before
  LogSpot end;  ///< the place behind it
};

class LogSource {
 public:
  /// Errors: not_found (no such run), unsupported (its streams cannot be told apart), failed.
  static Result<LogSource> open(const AppId& id, const LogPlace& place, const LogWish& wish);

  const AppId& id() const { return id_; }
  const std::string& stream() const { return place_.stream; }
  /// What is to be said about what is shown; empty if nothing is.
  const std::string& note() const { return note_; }
  /// What is wrong with its files, in words, as far as it was met since this was last asked.
  std::vector<std::string> take_damages();
  /// Whether its bytes are what is wanted: no line is left out of them.
  bool whole() const { return !filter_ && end_of_pid_ == 0; }

  /// The next bytes; empty where there are none for the moment, or, without follow, at all.
  Result<std::string> bytes(std::size_t most);
  /// The next line that is wanted, good until the next call; nothing as above. A line that is not ended yet
  /// is a line at the end of what was there at the start only if nothing is to follow.
  Result<std::optional<LogLine>> line();
  /// What was there at the start has been read.
  bool past_start() const { return past_start_; }
  /// Nothing more will come.
  bool finished() const { return finished_; }

  int wait_fd() const { return follower_->wait_fd(); }
  void drain_events() { follower_->drain_events(); }
  LogCursor cursor(const LogLine& line) const;

 private:
  LogSource(AppId id, LogPlace place) : id_(std::move(id)), place_(std::move(place)) {}
  Result<LogRange> range_of(const LogWish& wish);
  Result<LogRange> after_cursor(const LogWish& wish, LogRange range);
  Result<LogRange> of_run(const RunWanted& run, const LogRange& range);
  Done set_filter(const LogWish& wish);
  Result<bool> more();
  std::optional<LogLine> cut();
  bool wanted(const LogLine& line);
  void open_times(const FileFacts& file);
  void note_time(LogLine& line);

  AppId id_;
  LogPlace place_;
  std::string note_;
  std::shared_ptr<LineMatcher> matcher_;
  LineFilter filter_;
  int end_of_pid_ = 0;  ///< the end of this run is the end
  bool follow_ = false, past_start_ = false, finished_ = false, run_is_over_ = false, timed_ = false;
  std::optional<LogFollower> follower_;

  std::string piece_;  ///< what was read, from taken_ on not given out yet
  std::size_t taken_ = 0;
  LogSpot piece_end_;
  std::string rest_;      ///< the beginning of a line whose end has not come
  std::string shown_;     ///< the line that was given out, where it is no part of piece_
  bool in_line_ = false;  ///< a piece of the line has been given out
  bool line_is_wanted_ = true;

  std::unique_ptr<OpenLog> timed_log_;
  std::optional<LogTimes> times_;
  std::int64_t last_ms_ = 0;
};

}  // namespace keeper
