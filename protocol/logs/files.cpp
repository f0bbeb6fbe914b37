#include "protocol/logs/files.hpp"

#include <fcntl.h>

#include <algorithm>
#include <string_view>

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr std::size_t kBlock = 64 << 10;

/// Notes the newlines of a block, from its end on; returns true when `count` lines are found.
bool count_back(string_view block, std::uint64_t at, std::uint64_t count, LastLines& start) {
  for (auto newline = block.rfind('\n'); newline != string_view::npos; newline = block.rfind('\n')) {
    start.offset = at + newline + 1;
    if (++start.lines == count) return true;
    block = block.substr(0, newline);
  }
  return false;
}

void add_lines(string_view text, std::vector<string>& lines) {
  while (!text.empty()) {
    auto end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

Result<LastLines> find_last_lines(LogContent& log, std::uint64_t size, std::uint64_t count,
                                  std::uint64_t limit) {
  LastLines start{size, 0, false, false};
  if (count == 0 || size == 0) return start;
  // The last byte always ends a line. A line that begins exactly at the limit is whole: the byte before it
  // tells.
  const std::uint64_t low = size > limit ? size - limit - 1 : 0;
  for (std::uint64_t end = size - 1; end > low;) {
    std::uint64_t begin = end - std::min<std::uint64_t>(end - low, kBlock);
    Result<string> got = log.read_range(begin, end);
    if (!got) return got.error();
    if (count_back(*got, begin, count, start)) return start;
    end = begin;
  }
  start.cut = size > limit;
  start.partial = start.cut && start.lines == 0;
  if (start.cut && !start.partial) return start;
  start.offset = start.partial ? size - limit : 0;
  ++start.lines;
  return start;
}

Result<std::uint64_t> tail_offset(int fd, std::uint64_t count) {
  LogContent log(Fd(fcntl(fd, F_DUPFD_CLOEXEC, 0)), false);
  Result<std::uint64_t> size = log.size();
  if (!size) return size.error();
  Result<LastLines> start = find_last_lines(log, *size, count, kNoLimit);
  if (!start) return start.error();
  return start->offset;
}

Result<Tail> read_tail(const string& path, std::uint64_t count, std::size_t most) {
  Tail tail;
  std::vector<string> pieces;  // youngest first
  Result<OpenLog> log = open_newest(path);
  if (log && *log && log->number == 0) tail.bytes = log->facts.size;
  for (std::size_t room = most; log && *log && count > 0; log = open_older(path, log->facts)) {
    if (room == 0) tail.truncated = log->facts.size > 0;
    if (tail.truncated) break;
    Result<std::uint64_t> size = log->content.size();
    if (!size) return size.error();
    Result<LastLines> start = find_last_lines(log->content, *size, count, room);
    if (!start) return start.error();
    tail.truncated = start->cut;
    if (start->partial && room < most) break;  // better than nothing, but not in front of whole lines
    Result<string> text = log->content.read_range(start->offset, *size);
    if (!text) return text.error();
    if (pieces.empty()) {
      tail.end = {log->facts, *size};
      tail.unfinished = text->size() - (text->rfind('\n') + 1);
    }
    room -= text->size();
    count -= start->lines;
    pieces.push_back(*std::move(text));
  }
  if (!log) return log.error();
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece)
    add_lines(*piece, tail.lines);
  return tail;
}

}  // namespace keeper
