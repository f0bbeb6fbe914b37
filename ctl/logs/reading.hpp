// Reading several logs at once: what is there by time, and then what comes as it comes.
#pragma once
#include <functional>
#include <string_view>
#include <vector>

#include "ctl/logs/source.hpp"

namespace keeper {

/// The one that wants to read. What gives a bool gives false when nobody reads any more.
struct LogReader {
  std::function<bool(const LogSource&, const LogLine&)> line;
  std::function<bool(std::string_view)> bytes;
  /// Nothing more comes for the moment.
  std::function<bool()> turn;
  /// A log that cannot be read any further.
  std::function<void(const LogSource&, const Error&)> failed;
};

/// What was there when the logs were opened, the oldest line first; of each log the lines stay in their
/// order. One line of each is held. False when nobody reads any more.
bool show_lines(std::vector<LogSource>& sources, const LogReader& reader);
/// The same of one log, as bytes.
bool show_bytes(LogSource& source, const LogReader& reader);

/// What comes from then on, until nothing can come any more or nobody reads. `as_bytes`: there is one log
/// only.
bool follow_logs(std::vector<LogSource>& sources, const LogReader& reader, bool as_bytes);

}  // namespace keeper
