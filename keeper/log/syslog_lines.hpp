// Turns the output of one stream into syslog messages: a line is a message, or a record of several lines if
// they are joined (see line_join). The beginning of a line that has no end for two seconds, and a record that
// nothing follows, are sent then; what follows them later is a message of its own.
#pragma once
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "keeper/log/line_join.hpp"
#include "keeper/log/syslog_sender.hpp"

namespace keeper {

class SyslogLines {
 public:
  /// `starts`: matches the first line of a record; null: a line is a record. `pid`: of the run that writes.
  SyslogLines(asio::io_context& io, SyslogSender& sender, LogStream stream,
              std::unique_ptr<LineMatcher> starts, std::function<int()> pid);

  void feed(std::string_view bytes);
  /// Sends what waits; what follows begins a line.
  void end_run();

 private:
  void take(const LinePiece& piece);
  void send(const LinePiece& piece);
  void flush();
  bool waits() const { return splitter_.waits() || (join_ && join_->waits()); }

  SyslogSender& sender_;
  LogStream stream_;
  std::function<int()> pid_;
  LineSplitter splitter_;
  std::optional<LineJoin> join_;
  asio::steady_timer patience_;
};

}  // namespace keeper
