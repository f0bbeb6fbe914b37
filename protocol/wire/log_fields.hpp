// Types of the fields that say how output is recorded. Each parses the text of its flag and prints it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/units.hpp"
#include "protocol/base/words.hpp"

struct tm;

namespace keeper {

/// The form of a line in the log: as written, with a time in front, or as a JSON object.
enum class LogFormat { raw, time, json };
template <>
inline constexpr std::array<WordOf<LogFormat>, 3> kWordsOf<LogFormat>{
    {{LogFormat::raw, "raw"}, {LogFormat::time, "time"}, {LogFormat::json, "json"}}};

/// The treatment of output that neither the log nor log_buffer has room for: it is dropped and counted, or
/// the program waits.
enum class LogFull { drop, block };
template <>
inline constexpr std::array<WordOf<LogFull>, 2> kWordsOf<LogFull>{
    {{LogFull::drop, "drop"}, {LogFull::block, "block"}}};

/// Checks the bounds of sizes. A log is renamed at log_max_size: 0 (never), else at least 1K; log_max_total
/// is at least 1K; log_buffer is from 64K to 1G. Errors: invalid, with a valid value.
Done check_log_max_size(std::uint64_t bytes);
Done check_log_max_total(std::optional<std::uint64_t> bytes);
Done check_log_buffer(std::uint64_t bytes);

/// The time in front of a line, in strftime(3)'s terms; %L is milliseconds: "%d.%m. %H:%M:%S.%L". One line of
/// at most kMost characters, whatever the time.
struct DateFormat {
  static constexpr std::size_t kMost = 100;
  std::string format;
  static Result<DateFormat> parse(std::string_view text);
  const std::string& text() const { return format; }
  /// Returns the text for a time; empty if it is longer than kMost.
  std::string text_for(const tm& time, int milliseconds) const;
  bool operator==(const DateFormat&) const = default;
};

/// The expression that the first line of a record matches (see line_expression).
struct RecordStart {
  std::string expression;
  static Result<RecordStart> parse(std::string_view text);
  const std::string& text() const { return expression; }
  bool operator==(const RecordStart&) const = default;
};

/// The destination of syslog messages: "local" (/dev/log), or "udp:HOST:PORT" with an IPv6 address in
/// brackets. Whether a HOST exists shows when a message is sent.
struct SyslogTarget {
  std::string host;  ///< without brackets; empty: local
  int port = 0;
  bool local() const { return host.empty(); }
  static Result<SyslogTarget> parse(std::string_view text);
  std::string text() const;
  bool operator==(const SyslogTarget&) const = default;
};

}  // namespace keeper
