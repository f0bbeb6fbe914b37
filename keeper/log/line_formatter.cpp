#include "keeper/log/line_formatter.hpp"

namespace keeper {

LineFormatter::LineFormatter(Format format, LogStream stream, std::unique_ptr<LineMatcher> starts)
    : format_(std::move(format)), stream_(stream) {
  if (starts) join_.emplace(std::move(starts));
}

void LineFormatter::add(OutBuffer& out, const LinePiece& piece, WallTime time, LogStream stream, int pid) {
  if (auto* format = std::get_if<TimeFormat>(&format_))
    format->append(out, piece, time);
  else
    std::get<JsonFormat>(format_).append(out, piece, time, stream, pid);
}

/// Dresses a piece, or joins it to the record that waits.
void LineFormatter::take(const LinePiece& piece, WallTime time, int pid) {
  if (!join_) return add(out_, piece, time, stream_, pid);
  bool begins = !join_->waits();
  join_->feed(piece, [&](const LinePiece& record) {
    add(out_, record, time, stream_, pid);
    begins = true;
  });
  if (begins) record_ = piece.bytes.data();
}

std::size_t LineFormatter::feed(std::string_view bytes, WallTime time, int pid) {
  record_ = nullptr;
  splitter_.feed(bytes, [&](const LinePiece& piece) { take(piece, time, pid); });
  std::size_t left = splitter_.leave();
  // A piece of a very long line may stand elsewhere: then what waits stays here.
  bool here = join_ && join_->waits() && record_ >= bytes.data() && record_ < bytes.data() + bytes.size();
  if (!here) return bytes.size() - left;
  join_->leave();
  return static_cast<std::size_t>(record_ - bytes.data());
}

void LineFormatter::finish(std::string_view bytes, WallTime time, int pid) {
  auto take_piece = [&](const LinePiece& piece) { take(piece, time, pid); };
  splitter_.feed(bytes, take_piece);
  splitter_.flush(take_piece);
  if (join_) join_->flush([&](const LinePiece& record) { add(out_, record, time, stream_, pid); });
}

void LineFormatter::end_run() {
  splitter_.end([](const LinePiece&) {});
  if (join_) join_->end([](const LinePiece&) {});
}

std::string LineFormatter::own_line(std::string_view text, WallTime time, int pid) {
  bool json = std::holds_alternative<JsonFormat>(format_);
  std::string line = json ? std::string(text) : "[keeper] " + std::string(text);
  OutBuffer out;
  add(out, {line, false, false}, time, LogStream::keeper, pid);
  return std::string(out.bytes());
}

}  // namespace keeper
