// The lines of a log as they are shown: behind a prefix where there are several, made harmless on a terminal;
// or as JSON objects.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/units.hpp"

namespace keeper {

/// With its newline. `prefix` is put before it as it is; `harmless`: control characters are escaped.
std::string log_line_text(std::string_view prefix, std::string_view line, bool harmless);

struct LogLineFields {
  std::string name;
  std::optional<int> instance;
  std::string stream;  ///< "all", "out", "err"
  std::optional<WallTime> time;
  std::string_view text;
  bool partial = false;    ///< the line's end has not come: the next piece goes on with it
  bool continued = false;  ///< it began in the one before
  std::string cursor;
};
/// {"name":"api","stream":"all","t":"...","msg":"...","cursor":"..."} and a newline; "base64" instead of
/// "msg" for what is no UTF-8; "keeper" as stream of the keeper's own lines. A line that is an object of a
/// `json` log keeps its members and gets what it lacks of these.
std::string log_line_json(const LogLineFields& fields);

}  // namespace keeper
