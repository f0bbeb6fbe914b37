#include "keeper/log/line_formatter.hpp"

namespace keeper {
namespace {

constexpr std::uint8_t kInLine = 1, kInRecord = 2;

}  // namespace

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

/// Formats a piece, or joins it to the record that waits.
void LineFormatter::take(const LinePiece& piece, WallTime time, int pid) {
  if (!join_) return add(out_, piece, time, stream_, pid);
  bool begins = !join_->waits();
  join_->feed(piece, [&](const LinePiece& record) {
    add(out_, record, time, stream_, pid);
    begins = true;
  });
  if (!begins) return;
  record_ = piece.bytes.data();
  record_continues_ = piece.continued;
}

std::size_t LineFormatter::feed(std::string_view bytes, WallTime time, int pid, std::uint64_t most) {
  record_ = nullptr;
  const std::size_t fed = splitter_.feed(
      bytes, [&](const LinePiece& piece) { take(piece, time, pid); }, [&] { return out_.size() >= most; });
  const std::size_t left = splitter_.leave();
  // A piece of a very long line may be in another buffer: then the waiting part stays here.
  bool here = join_ && join_->waits() && record_ >= bytes.data() && record_ < bytes.data() + bytes.size();
  if (!here) return fed - left;
  join_->leave();
  splitter_.go_on(record_continues_);
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

std::uint8_t LineFormatter::state() const {
  const bool in_record = join_ && join_->continues();
  return static_cast<std::uint8_t>((splitter_.continues() ? kInLine : 0) | (in_record ? kInRecord : 0));
}

void LineFormatter::go_on(std::uint8_t state) {
  splitter_.go_on((state & kInLine) != 0);
  if (join_) join_->go_on((state & kInRecord) != 0);
}

std::string LineFormatter::own_line(std::string_view text, WallTime time, int pid) {
  bool json = std::holds_alternative<JsonFormat>(format_);
  std::string line = json ? std::string(text) : "[keeper] " + std::string(text);
  OutBuffer out;
  add(out, {line, false, false}, time, LogStream::keeper, pid);
  return std::string(out.bytes());
}

}  // namespace keeper
