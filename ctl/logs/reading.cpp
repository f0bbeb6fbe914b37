#include "ctl/logs/reading.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>

namespace keeper {
namespace {

constexpr std::size_t kPiece = 64 << 10;
constexpr int kLookAgain = 250;  // ms, where the system has no inotify instance left
constexpr int kTurn = 1000;      // lines

/// The next line of a log that has not come to its end; nothing else comes of one that fails.
std::optional<LogLine> next_line(LogSource& source, const LogReader& reader, bool& over) {
  auto line = source.line();
  if (!line) reader.failed(source, line.error());
  over = !line || (!*line && source.past_start());
  return line ? *line : std::nullopt;
}

/// The log whose next line is the oldest; a log whose line is not finished goes on.
std::size_t oldest(const std::vector<std::optional<LogLine>>& next, std::size_t unfinished) {
  if (unfinished < next.size() && next[unfinished]) return unfinished;
  std::size_t found = next.size();
  for (std::size_t i = 0; i < next.size(); ++i)
    if (next[i] && (found == next.size() || next[i]->time < next[found]->time)) found = i;
  return found;
}

/// Some of what one log has; false when nobody reads any more. `more`: there is more.
bool take_turn(LogSource& source, const LogReader& reader, bool as_bytes, bool& more) {
  if (as_bytes) {
    auto piece = source.bytes(kPiece);
    if (!piece) reader.failed(source, piece.error());
    more = piece && !piece->empty();
    return !more || reader.bytes(*piece);
  }
  for (int i = 0; i < kTurn; ++i) {
    auto line = source.line();
    if (!line) reader.failed(source, line.error());
    if (!line || !*line) {
      more = false;
      return true;
    }
    if (!reader.line(source, **line)) return false;
  }
  more = true;
  return true;
}

/// Waits until one of them may have more; false when nobody reads stdout any more.
bool wait_for_more(std::vector<LogSource>& sources) {
  std::vector<pollfd> polls = {{STDOUT_FILENO, 0, 0}};
  int wait = -1;
  for (const LogSource& s : sources) {
    polls.push_back({s.finished() ? -1 : s.wait_fd(), POLLIN, 0});
    if (!s.finished() && s.wait_fd() < 0) wait = kLookAgain;
  }
  poll(polls.data(), polls.size(), wait);
  for (std::size_t i = 0; i < sources.size(); ++i)
    if ((polls[i + 1].revents & POLLIN) != 0) sources[i].drain_events();
  return (polls[0].revents & POLLERR) == 0;
}

bool all_finished(const std::vector<LogSource>& sources) {
  return std::all_of(sources.begin(), sources.end(), [](const LogSource& s) { return s.finished(); });
}

}  // namespace

bool show_lines(std::vector<LogSource>& sources, const LogReader& reader) {
  std::vector<std::optional<LogLine>> next(sources.size());
  std::vector<bool> over(sources.size(), false);
  auto advance = [&](std::size_t i) {
    bool is_over = false;
    next[i] = next_line(sources[i], reader, is_over);
    over[i] = is_over;
  };
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (!sources[i].past_start()) advance(i);
  std::size_t unfinished = sources.size();
  for (std::size_t i = oldest(next, unfinished); i < sources.size(); i = oldest(next, unfinished)) {
    if (!reader.line(sources[i], *next[i])) return false;
    unfinished = next[i]->ends ? sources.size() : i;
    next[i].reset();
    if (!over[i]) advance(i);
  }
  return true;
}

bool show_bytes(LogSource& source, const LogReader& reader) {
  while (!source.past_start()) {
    auto piece = source.bytes(kPiece);
    if (!piece) {
      reader.failed(source, piece.error());
      return true;
    }
    if (!piece->empty() && !reader.bytes(*piece)) return false;
  }
  return true;
}

bool follow_logs(std::vector<LogSource>& sources, const LogReader& reader, bool as_bytes) {
  while (!all_finished(sources)) {
    bool any = true;
    while (any) {
      any = false;
      // Each in turn: a log that floods does not hold the others back.
      for (LogSource& source : sources) {
        bool more = false;
        if (!take_turn(source, reader, as_bytes, more)) return false;
        any = any || more;
      }
    }
    if (!reader.turn()) return false;
    if (!all_finished(sources) && !wait_for_more(sources)) return true;
  }
  return true;
}

}  // namespace keeper
