#include "ctl/logs/source.hpp"

#include <algorithm>

#include "protocol/base/clock.hpp"
#include "protocol/base/utf8.hpp"
#include "protocol/json/reader.hpp"
#include "protocol/logs/lines_in.hpp"
#include "protocol/logs/object.hpp"
#include "protocol/logs/stamp.hpp"
#include "protocol/store/home.hpp"

namespace keeper {
namespace {

constexpr std::size_t kPiece = 64 << 10;
constexpr std::int64_t kSlack = 5000;  // ms: how far from its index a line's own time is believed

/// Whether a log is made of objects that say which stream they are from. An empty one may be.
Result<bool> tells_streams(const std::string& path) {
  auto log = open_newest(path);
  for (; log && *log; log = open_older(path, log->facts)) {
    auto size = log->content.size();
    if (!size) return size.error();
    LinesBackward lines(log->content, 0, *size);
    auto last = lines.next();
    if (!last) return last.error();
    if (*last) return log_object_of((*last)->text).has_value();
  }
  if (!log) return log.error();
  return true;
}

std::string damage_text(const LogFollower::Damage& damage) {
  std::string bytes = std::to_string(damage.bytes) + " bytes of what was packed can be shown";
  switch (damage.kind) {
    case GzDamage::cut_off: return damage.name + " is cut off: only the first " + bytes;
    case GzDamage::checksum:
      return damage.name + " is damaged: its checksum is wrong, and so may be some of what is shown of it";
    default: break;
  }
  return damage.name + " is damaged: only the first " + bytes + ", and the last of them may be wrong";
}

}  // namespace

Result<LogSource> LogSource::open(const AppId& id, const LogPlace& place, const LogWish& wish) {
  const ActingAs as_user(place.rights.get());
  if (as_user.error() != 0) return system_error("read the log " + place.path);
  LogSource source(id, place);
  auto range = source.range_of(wish);
  if (!range) return range.error();
  source.follow_ = wish.follow && !wish.until && (!wish.run || wish.run->lives);
  source.timed_ = wish.timed;
  auto watch = source.follow_ && wish.watch ? LogFollower::Watch::yes : LogFollower::Watch::no;
  LogSpot begin = range->begin;
  if (begin.file.inode == 0 && begin.file.born == 0) begin = LogFollower::now();
  auto follower = LogFollower::open_at(place.path, begin, watch);
  if (!follower) return follower.error();
  source.follower_ = *std::move(follower);
  source.follower_->act_as(source.place_.rights.get());
  if (range->empty() || range->end.file.inode == 0) {
    source.past_start_ = true;
    source.finished_ = !source.follow_;
    if (range->end.file.packed) source.follower_->look_at(range->end);
  } else {
    source.follower_->stop_at(range->end);
  }
  return source;
}

Result<LogRange> LogSource::range_of(const LogWish& wish) {
  auto range = whole_log(place_.path);
  if (range) range = after_cursor(wish, *range);
  if (range && wish.run) range = of_run(*wish.run, *range);
  if (range && (wish.since || wish.until))
    range = written_between(place_.path, *range, wish.since, wish.until);
  if (!range) return range;
  if (range->rough)
    note_ =
        "its log has no index, and its lines do not say when they were written: some of these may be older "
        "or younger";
  if (Done done = set_filter(wish); !done) return done.error();
  return last_lines(place_.path, *range, wish.lines, filter_);
}

Result<LogRange> LogSource::after_cursor(const LogWish& wish, LogRange range) {
  for (const LogCursor& cursor : wish.after) {
    if (cursor.stem != id_.stem() || cursor.stream != place_.stream) continue;
    auto place = place_of(place_.path, cursor);
    if (!place) return place.error();
    range.begin = place->spot;
    if (place->gone)
      note_ =
          "what comes after the cursor is not there any more: something may be missing before what is shown";
    break;
  }
  return range;
}

Result<LogRange> LogSource::of_run(const RunWanted& run, const LogRange& range) {
  auto found = range_of_run(place_.path, range, run);
  if (!found) return found.error();
  if (!*found && !run.lives)
    return Error{Reason::not_found, "",
                 "neither its record nor its log knows of a run with pid " + std::to_string(run.pid), 0};
  if (run.lives) end_of_pid_ = run.pid;
  return *found ? **found : range;
}

Done LogSource::set_filter(const LogWish& wish) {
  if (!wish.grep.empty()) {
    auto matcher = LineMatcher::make(wish.grep);
    if (!matcher) return matcher.error();
    matcher_ = *std::move(matcher);
  }
  std::string stream = place_.stream == "all" ? wish.stream : "";
  if (!stream.empty()) {
    auto tells = tells_streams(place_.path);
    if (!tells) return tells.error();
    if (!*tells)
      return Error{Reason::unsupported, "",
                   "its log has both streams in one, and does not say which line is from which "
                   "(keeper --error-log keeps them apart, --log-format json says it)",
                   0};
  }
  int pid = wish.run ? wish.run->pid : 0;
  if (!matcher_ && stream.empty() && pid == 0) return {};
  filter_ = [matcher = matcher_, stream, pid](std::string_view line) {
    if (matcher && !matcher->matches(line)) return false;
    if (stream.empty() && pid == 0) return true;
    // Only a `json` log says where a line is from.
    auto object = log_object_of(line);
    if (!stream.empty() && (!object || object->stream != stream)) return false;
    return pid == 0 || !object || object->pid == 0 || object->pid == pid;
  };
  return {};
}

Result<std::string> LogSource::bytes(std::size_t most) {
  if (finished_) return std::string();
  auto piece = follower_->read(most);
  if (!piece) past_start_ = finished_ = true;
  if (!piece || !piece->empty() || past_start_) return piece;
  // To be seen from outside before anything comes that was not there at the start.
  past_start_ = true;
  finished_ = !follow_;
  follower_->go_on();
  return piece;
}

/// False if there is nothing for the moment.
Result<bool> LogSource::more() {
  auto piece = bytes(kPiece);
  if (!piece) return piece.error();
  piece_ = *std::move(piece);
  taken_ = 0;
  piece_end_ = follower_->spot();
  return !piece_.empty();
}

/// The next line, or piece of one, of what was read.
std::optional<LogLine> LogSource::cut() {
  std::string_view left = std::string_view(piece_).substr(taken_);
  auto newline = left.find('\n');
  bool ends = newline != std::string_view::npos;
  std::size_t room = kMostLineText - rest_.size();
  std::size_t length = std::min(ends ? newline : left.size(), room);
  ends = ends && length == newline;
  bool full = !ends && length == room;
  taken_ += length + (ends ? 1 : 0);
  if (!ends && !full) {
    rest_ += left.substr(0, length);
    return std::nullopt;
  }
  LogLine line;
  line.text = left.substr(0, length);
  if (!rest_.empty()) {
    shown_ = std::exchange(rest_, {});
    shown_ += line.text;
    line.text = shown_;
  }
  if (full) {
    rest_ = line.text.substr(whole_characters(line.text));
    line.text.remove_suffix(rest_.size());
  }
  line.begins = !in_line_;
  line.ends = ends;
  in_line_ = !ends;
  line.end = piece_end_;
  line.end.offset -= piece_.size() - taken_ + rest_.size();
  return line;
}

bool LogSource::wanted(const LogLine& line) {
  if (line.begins) line_is_wanted_ = !filter_ || filter_(line.text);
  if (end_of_pid_ != 0 && line.begins) {
    auto mark = run_mark_of(line.text);
    if (mark && mark->kind == RunMark::Kind::ended && mark->pid == end_of_pid_)
      run_is_over_ = finished_ = true;
  }
  return line_is_wanted_;
}

void LogSource::open_times(const FileFacts& file) {
  times_.reset();
  const ActingAs as_user(place_.rights.get());
  auto log = as_user.error() == 0 ? open_again(place_.path, file) : Result<OpenLog>(OpenLog{});
  timed_log_ = std::make_unique<OpenLog>(log && *log ? *std::move(log) : OpenLog{});
  timed_log_->facts = file;
  times_.emplace(*timed_log_);
  last_ms_ = std::max(last_ms_, times_->begins().value_or(0));
}

/// In what was there at the start: from the index and from what the line says, if they agree. After that: it
/// has just been written.
void LogSource::note_time(LogLine& line) {
  auto said = line.begins ? stamp_of_line(line.text) : std::nullopt;
  std::int64_t ms = 0;
  if (past_start_) {
    ms = said.value_or(wall_now().time_since_epoch().count());
  } else {
    if (!times_ || !timed_log_->facts.same_file(line.end.file)) open_times(line.end.file);
    std::uint64_t length = line.text.size() + (line.ends ? 1 : 0);
    auto indexed = times_->at(line.end.offset - std::min(line.end.offset, length));
    bool agrees = said && (!indexed || (*said >= *indexed - kSlack && *said <= *indexed + kSlack));
    ms = agrees ? *said : indexed.value_or(0);
  }
  last_ms_ = std::max(last_ms_, ms);
  if (last_ms_ != 0) line.time = WallTime(Millis(last_ms_));
}

Result<std::optional<LogLine>> LogSource::line() {
  for (;;) {
    while (taken_ < piece_.size() && !run_is_over_) {
      auto line = cut();
      if (!line || !wanted(*line)) continue;
      if (timed_) note_time(*line);
      return std::optional<LogLine>(line);
    }
    if (run_is_over_) return std::optional<LogLine>();
    auto got = more();
    if (!got) return got.error();
    if (*got) continue;
    if (!finished_ || rest_.empty()) return std::optional<LogLine>();
    // The last line has no end.
    LogLine line;
    shown_ = std::exchange(rest_, {});
    line.text = shown_;
    line.begins = !in_line_;
    line.ends = false;
    line.end = piece_end_;
    if (!wanted(line)) return std::optional<LogLine>();
    if (timed_) note_time(line);
    return std::optional<LogLine>(line);
  }
}

std::vector<std::string> LogSource::take_damages() {
  std::vector<std::string> out;
  for (const LogFollower::Damage& damage : follower_->take_damages())
    out.push_back(damage_text(damage));
  return out;
}

LogCursor LogSource::cursor(const LogLine& line) const {
  LogCursor cursor{id_.stem(), place_.stream, line.end.file.origin, line.end.offset, line.end.file.born, 0,
                   0};
  std::string bytes(line.text.substr(line.text.size() - std::min(line.text.size(), kMostChecked - 1)));
  if (line.ends) bytes += '\n';
  bytes = bytes.substr(bytes.size() - std::min<std::uint64_t>(bytes.size(), line.end.offset));
  cursor.checked = static_cast<std::uint32_t>(bytes.size());
  cursor.checksum = checksum_of(bytes);
  return cursor;
}

}  // namespace keeper
