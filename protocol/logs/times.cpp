#include "protocol/logs/times.hpp"

#include <algorithm>

#include "protocol/logs/stamp.hpp"

namespace keeper {
namespace {

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kSlack = 5000;       // how far a line's time may be from the index to be believed
constexpr std::uint64_t kSmall = 64 << 10;  // a window that is read completely

WallTime time_of(std::int64_t ms) {
  return WallTime(Millis(ms));
}

std::int64_t in_ms(std::int64_t nanoseconds) {
  return nanoseconds / 1'000'000;
}

/// Returns a time after which nothing was written to the file. The clock of files stands still between two
/// ticks, of which there are at least 100 a second.
std::int64_t last_written(const FileFacts& file) {
  return in_ms(file.changed) + 20;
}

}  // namespace

LogTimes::LogTimes(OpenLog& log) : log_(log) {
  if (!log) return;
  index_file_ = open_index(log.name);
  if (!index_file_) return;
  // Beside a packed log the index is of the original file.
  auto made_for = log.facts.packed ? LogIndex::inode_in(index_file_.get()) : std::optional(log.facts.inode);
  if (made_for) index_ = LogIndex(index_file_.get(), *made_for);
  indexed_ = index_.count() > 0;
}

/// Returns the part to search: the entries around the time, or the whole file.
LogTimes::Window LogTimes::window(std::int64_t ms, std::uint64_t size) const {
  const FileFacts& file = log_.facts;
  // A file may be a copy: then it is younger than its content.
  Window window{0, size, 0, last_written(file) + kSlack};
  if (!indexed_) return window;
  std::uint64_t before = index_.first_since(time_of(ms - kSecond + 1)),
                since = index_.first_since(time_of(ms));
  auto low = index_.entry(before), high = index_.entry(since), last = index_.last();
  if (high) window.high = high->offset;
  if (low && before > 0) window.low = low->offset;
  // The last entry's second is over, unless the file was written to after it.
  if (!low) window.low = last_written(file) < ms ? size : last ? last->offset : 0;
  if (before > 0) window.earliest = ms - kSlack;
  if (high) window.latest = std::min(window.latest, ms + kSlack);
  if (window.low > window.high || window.high > size)
    return {0, size, 0, last_written(file) + kSlack};  // the index is inconsistent
  return window;
}

std::optional<std::int64_t> LogTimes::believed(std::string_view line, const Window& window) const {
  auto stamp = stamp_of_line(line);
  if (!stamp || *stamp < window.earliest || *stamp > window.latest) return std::nullopt;
  return stamp;
}

/// Finds the next line that says its time.
Result<std::optional<LogTimes::Stamped>> LogTimes::next_stamped(LinesForward& lines,
                                                                const Window& window) const {
  for (;;) {
    auto line = lines.next();
    if (!line) return line.error();
    if (!*line) return std::optional<Stamped>();
    if (auto stamp = believed((*line)->text, window)) return std::optional(Stamped{**line, *stamp});
  }
}

/// Bisects once: the first line after the middle that says its time decides.
Done LogTimes::halve(Window& window, Around& around, std::int64_t ms) {
  std::uint64_t middle = window.low + (window.high - window.low) / 2;
  auto from = next_line_begin(log_.content, middle, window.high);
  if (!from) return from.error();
  LinesForward lines(log_.content, *from, window.high);
  auto found = next_stamped(lines, window);
  if (!found) return found.error();
  if (*found && (*found)->ms < ms) {
    around.sure_before = window.low = (*found)->line.end;
    return {};
  }
  if (*found) around.sure_since = (*found)->line.begin;
  window.high = middle;  // from there to that line, none says its time
  return {};
}

Result<LogTimes::Around> LogTimes::narrow(Window window, std::int64_t ms) {
  Around around{window.low, window.high, false};
  while (window.high > window.low && window.high - window.low > kSmall)
    if (Done done = halve(window, around, ms); !done) return done.error();
  LinesForward lines(log_.content, window.low, window.high);
  for (;;) {
    auto found = next_stamped(lines, window);
    if (!found) return found.error();
    if (*found && (*found)->ms >= ms) around.sure_since = (*found)->line.begin;
    if (!*found || (*found)->ms >= ms) break;
    around.sure_before = (*found)->line.end;
  }
  around.sure_since = std::max(around.sure_since, around.sure_before);
  around.rough = !indexed_ && around.sure_before < around.sure_since;
  return around;
}

Result<LogTimes::Around> LogTimes::around(std::int64_t ms) {
  auto size = log_.content.size();
  if (!size) return size.error();
  if (!look_at_open_file(log_.content.fd(), log_.facts)) return system_error("read the log " + log_.name);
  if (!indexed_) {
    if (last_written(log_.facts) < ms) return Around{*size, *size, false};
    if (!lines_say(0) && !lines_say(*size - std::min(*size, kSmall))) {
      bool all_since = !log_.facts.packed && in_ms(log_.facts.born) >= ms;
      return Around{0, all_since ? 0 : *size, !all_since && *size > 0};
    }
  }
  // An entry may be for bytes in the middle of a line, which then belongs to the part before.
  Window where = window(ms, *size);
  auto low = next_line_begin(log_.content, where.low, *size),
       high = next_line_begin(log_.content, where.high, *size);
  if (!low) return low.error();
  if (!high) return high.error();
  where.low = *low;
  where.high = *high;
  return narrow(where, ms);
}

/// Returns the first time that lines say in the 64 KiB from there on.
std::optional<std::int64_t> LogTimes::lines_say(std::uint64_t from) {
  LinesForward lines(log_.content, from, from + kSmall);
  for (;;) {
    auto line = lines.next();
    if (!line || !*line) return std::nullopt;
    if (auto stamp = stamp_of_line((*line)->text)) return stamp;
  }
}

std::optional<std::int64_t> LogTimes::begins() {
  if (auto first = index_.entry(0); first && first->offset == 0)
    return first->time.time_since_epoch().count();
  if (auto said = lines_say(0)) return said;
  if (log_.facts.packed) return std::nullopt;
  return in_ms(log_.facts.born);
}

std::optional<std::int64_t> LogTimes::at(std::uint64_t offset) {
  if (!indexed_) return std::nullopt;
  if (offset < here_.offset || offset >= here_until_) {
    std::uint64_t next = index_.first_beyond(offset);
    auto entry = next == 0 ? std::nullopt : index_.entry(next - 1);
    auto after = index_.entry(next);
    here_ = entry.value_or(IndexEntry{});
    here_until_ = after ? after->offset : ~std::uint64_t{0};
  }
  if (here_.time == WallTime()) return std::nullopt;
  return here_.time.time_since_epoch().count();
}

}  // namespace keeper
