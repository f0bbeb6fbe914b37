#include "keeper/log/syslog_lines.hpp"

#include "protocol/base/clock.hpp"

namespace keeper {
namespace {

constexpr Millis kPatience{2'000};

}  // namespace

SyslogLines::SyslogLines(asio::io_context& io, SyslogSender& sender, LogStream stream,
                         std::unique_ptr<LineMatcher> starts, std::function<int()> pid)
    : sender_(sender), stream_(stream), pid_(std::move(pid)), patience_(io) {
  if (starts) join_.emplace(std::move(starts));
}

void SyslogLines::feed(std::string_view bytes) {
  splitter_.feed(bytes, [this](const LinePiece& piece) { take(piece); });
  if (!waits()) {
    patience_.cancel();
    return;
  }
  patience_.expires_after(kPatience);
  patience_.async_wait([this](std::error_code error) {
    if (!error) flush();
  });
}

void SyslogLines::take(const LinePiece& piece) {
  if (join_)
    join_->feed(piece, [this](const LinePiece& record) { send(record); });
  else
    send(piece);
}

/// The end of a line that came in pieces may be empty.
void SyslogLines::send(const LinePiece& piece) {
  if (piece.continued && piece.bytes.empty()) return;
  sender_.send(piece.bytes, wall_now(), stream_, pid_());
}

void SyslogLines::flush() {
  splitter_.flush([this](const LinePiece& piece) { take(piece); });
  if (join_) join_->flush([this](const LinePiece& record) { send(record); });
}

void SyslogLines::end_run() {
  patience_.cancel();
  splitter_.end([this](const LinePiece& piece) { take(piece); });
  if (join_) join_->end([this](const LinePiece& record) { send(record); });
}

}  // namespace keeper
