#include "keeper/log/line_formatter.hpp"

namespace keeper {

void LineFormatter::add(OutBuffer& out, const LinePiece& piece, WallTime time, LogStream stream, int pid) {
  if (auto* format = std::get_if<TimeFormat>(&format_))
    format->append(out, piece, time);
  else
    std::get<JsonFormat>(format_).append(out, piece, time, stream, pid);
}

std::size_t LineFormatter::feed(std::string_view bytes, WallTime time, int pid) {
  splitter_.feed(bytes, [&](const LinePiece& piece) { add(out_, piece, time, stream_, pid); });
  return bytes.size() - splitter_.leave();
}

void LineFormatter::finish(std::string_view bytes, WallTime time, int pid) {
  auto take = [&](const LinePiece& piece) { add(out_, piece, time, stream_, pid); };
  splitter_.feed(bytes, take);
  splitter_.flush(take);
}

void LineFormatter::end_run() {
  splitter_.end([](const LinePiece&) {});
}

std::string LineFormatter::own_line(std::string_view text, WallTime time, int pid) {
  bool json = std::holds_alternative<JsonFormat>(format_);
  std::string line = json ? std::string(text) : "[keeper] " + std::string(text);
  OutBuffer out;
  add(out, {line, false, false}, time, LogStream::keeper, pid);
  return std::string(out.bytes());
}

}  // namespace keeper
