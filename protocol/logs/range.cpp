#include "protocol/logs/range.hpp"

#include <algorithm>

#include "protocol/logs/files.hpp"
#include "protocol/logs/lines_in.hpp"
#include "protocol/logs/stamp.hpp"
#include "protocol/logs/times.hpp"

namespace keeper {
namespace {

using std::string;

std::int64_t in_ms(WallTime time) {
  return time.time_since_epoch().count();
}

/// One file of a range, and its part of the range.
struct Part {
  OpenLog log;
  std::uint64_t begin = 0, end = 0;
};

/// The files of a range, the youngest first.
class PartsBackward {
 public:
  PartsBackward(const string& path, const LogRange& range) : path_(path), range_(range) {}

  /// Returns an empty part (without a log) after the last one.
  Result<Part> next() {
    Part part;
    if (range_.empty() || done_) return part;
    auto log = first_ ? open_again(path_, range_.end.file) : open_older(path_, at_);
    if (!log) return log.error();
    part.log = std::move(*log);
    if (!part.log) return part;
    at_ = part.log.facts;
    auto size = part.log.content.size();
    if (!size) return size.error();
    done_ = at_.same_file(range_.begin.file);
    part.end = first_ ? std::min(range_.end.offset, *size) : *size;
    part.begin = done_ ? std::min(range_.begin.offset, part.end) : 0;
    first_ = false;
    return part;
  }

 private:
  const string& path_;
  const LogRange& range_;
  FileFacts at_;
  bool first_ = true, done_ = false;
};

enum class Side { since, until };

struct TimeSpot {
  LogSpot spot;
  bool rough = false;
};

/// Side::since: the first place that may have been written at that time or later. Side::until: the first that
/// was certainly written then.
Result<TimeSpot> spot_of(const string& path, const LogRange& range, std::int64_t ms, Side side) {
  TimeSpot found{range.begin, false};
  PartsBackward parts(path, range);
  for (;;) {
    auto part = parts.next();
    if (!part) return part.error();
    if (!part->log) return found;
    LogTimes times(part->log);
    auto around = times.around(ms);
    if (!around) return around.error();
    std::uint64_t offset = side == Side::since ? around->sure_before : around->sure_since;
    offset = std::clamp(offset, part->begin, part->end);
    found = {{part->log.facts, offset}, around->rough};
    if (around->sure_before > part->begin) return found;
    auto begins = times.begins();
    if (begins && *begins <= ms && side == Side::since) return found;
    if (around->sure_since > part->begin && side == Side::until) return found;
  }
}

struct FoundMark {
  RunMark mark;
  LogSpot begin, end;
};

/// Finds the last line of a range that is a mark of that run.
Result<std::optional<FoundMark>> last_mark(const string& path, const LogRange& range,
                                           const std::function<bool(const RunMark&)>& wanted) {
  PartsBackward parts(path, range);
  for (;;) {
    auto part = parts.next();
    if (!part) return part.error();
    if (!part->log) return std::optional<FoundMark>();
    LinesBackward lines(part->log.content, part->begin, part->end);
    for (;;) {
      auto line = lines.next();
      if (!line) return line.error();
      if (!*line) break;
      auto mark = run_mark_of((*line)->text);
      if (!mark || !wanted(*mark)) continue;
      const FileFacts& file = part->log.facts;
      return std::optional<FoundMark>({*mark, {file, (*line)->begin}, {file, (*line)->end}});
    }
  }
}

/// Finds a mark that was written about then, or at any time if that is unknown.
Result<std::optional<FoundMark>> mark_near(const string& path, const LogRange& range,
                                           std::optional<WallTime> time,
                                           const std::function<bool(const RunMark&)>& wanted) {
  constexpr Millis slack{3000};
  if (!time) return last_mark(path, range, wanted);
  auto near = written_between(path, range, *time - slack, *time + slack);
  if (!near) return near.error();
  return last_mark(path, *near, wanted);
}

}  // namespace

Result<LogRange> whole_log(const string& path) {
  LogRange range;
  auto newest = open_newest(path);
  if (!newest) return newest.error();
  if (!*newest) return range;
  auto size = newest->content.size();
  if (!size) return size.error();
  range.begin = range.end = {newest->facts, *size};
  auto oldest = open_oldest(path);
  if (!oldest) return oldest.error();
  range.begin = {*oldest ? oldest->facts : newest->facts, 0};
  return range;
}

Result<LogRange> written_between(const string& path, LogRange range, std::optional<WallTime> since,
                                 std::optional<WallTime> until) {
  const LogRange all = range;
  if (since && !all.empty()) {
    auto begin = spot_of(path, all, in_ms(*since), Side::since);
    if (!begin) return begin.error();
    range.begin = begin->spot;
    range.rough = begin->rough;
  }
  if (until && !all.empty()) {
    auto end = spot_of(path, all, in_ms(*until) + 1, Side::until);
    if (!end) return end.error();
    range.end = end->spot;
    range.rough = range.rough || end->rough;
  }
  return range;
}

Result<LogRange> last_lines(const string& path, LogRange range, std::uint64_t count,
                            const LineFilter& filter) {
  if (count == kNoLimit) return range;
  PartsBackward parts(path, range);
  LogSpot begin = range.end;
  for (std::uint64_t left = count; left > 0;) {
    auto part = parts.next();
    if (!part) return part.error();
    if (!part->log) break;
    begin = {part->log.facts, part->end};
    if (!filter) {
      auto start = find_last_lines(part->log.content, part->end, left, part->end - part->begin);
      if (!start) return start.error();
      begin.offset = std::max(start->offset, part->begin);
      left -= start->lines;
      continue;
    }
    LinesBackward lines(part->log.content, part->begin, part->end);
    while (left > 0) {
      auto line = lines.next();
      if (!line) return line.error();
      if (!*line) break;
      if (!filter((*line)->text)) continue;
      begin.offset = (*line)->begin;
      --left;
    }
  }
  if (!range.empty()) range.begin = begin;
  return range;
}

Result<std::optional<LogRange>> range_of_run(const string& path, const LogRange& range,
                                             const RunWanted& run) {
  const int pid = run.pid;
  auto is_end = [pid](const RunMark& mark) { return mark.pid == pid && mark.kind == RunMark::Kind::ended; };
  auto is_start = [pid](const RunMark& mark) {
    return mark.pid == pid && mark.kind == RunMark::Kind::started;
  };
  auto is_either = [pid](const RunMark& mark) { return mark.pid == pid; };

  // Finds the end first and searches the start before it, because a pid may come again.
  LogRange out = range;
  std::optional<FoundMark> end;
  if (!run.lives) {
    auto found = run.ended ? mark_near(path, range, run.ended, is_end) : last_mark(path, range, is_either);
    if (!found) return found.error();
    end = *found;
  }
  if (end && is_end(end->mark)) out.end = end->end;
  if (end && is_start(end->mark)) {
    out.begin = end->begin;  // the log does not contain its end
    return std::optional<LogRange>(out);
  }
  auto start = mark_near(path, out, run.started, is_start);
  if (!start) return start.error();
  if (*start) out.begin = (*start)->begin;
  if (!*start && !end && !run.started) return std::optional<LogRange>();

  // Without marks the time decides.
  bool begin_known = static_cast<bool>(*start), end_known = end || run.lives;
  auto timed = written_between(path, out, begin_known ? std::nullopt : run.started,
                               end_known ? std::nullopt : run.ended);
  if (!timed) return timed.error();
  return std::optional<LogRange>(*timed);
}

}  // namespace keeper
