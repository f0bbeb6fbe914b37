// The form of a line in the log.
//
//   time   2026-11-20T17:24:00.123+01:00 listening on 80
//   json   {"t":"2026-11-20T17:24:00.123+01:00","stream":"out","name":"api","pid":1140,"msg":"up"}
//
// Pieces of a line (see line_splitter) are marked. In `time` an unfinished one ends in " [partial]", and one
// that is not the beginning of its line begins with "[continued] ". A record of several lines (see line_join)
// has one time, in front of the first. In `json` the marks are "partial":true and "continued":true, before
// the text.
//
// The text of a JSON line is one of three, so that nothing is lost:
//   "msg":"..."     the line; UTF-8 is kept, only what JSON forbids is escaped
//   "data":{...}    a line that is a JSON object itself (RFC 8259, at most 64 levels and 10,000 values), byte
//                   for byte; never a continued piece, nor a record of several lines
//   "base64":"..."  a line that is not UTF-8
// With several instances "instance":N follows the name. A line of keeper's own has "stream":"keeper".
//
// Pure: the time is passed in. Formats a gigabyte of short lines a second or more, so that it is never the
// bottleneck.
#pragma once
#include <string>
#include <string_view>

#include "keeper/log/line_splitter.hpp"
#include "keeper/log/out_buffer.hpp"
#include "keeper/log/stamp.hpp"

namespace keeper {

/// The format `time`.
class TimeFormat {
 public:
  explicit TimeFormat(DateFormat format = {}) : stamp_(std::move(format)) {}

  /// Appends one line to `out`.
  void append(OutBuffer& out, const LinePiece& piece, WallTime time);

 private:
  Stamp stamp_;
};

/// The origin of a line.
enum class LogStream { out, err, keeper };

/// The format `json`.
class JsonFormat {
 public:
  /// `instance` below 0: the only one.
  explicit JsonFormat(std::string name, int instance = -1);

  /// Appends one object on a line of its own to `out`. `pid` 0: no process.
  void append(OutBuffer& out, const LinePiece& piece, WallTime time, LogStream stream, int pid);

 private:
  void begin(WallTime time, LogStream stream, int pid);

  std::string source_;  ///< "name" and "instance", with the comma before them
  Stamp stamp_;
  std::string beginning_;  ///< all before the text, for the time, stream and pid below
  WallTime time_;
  LogStream stream_ = LogStream::out;
  int pid_ = -1;
};

}  // namespace keeper
