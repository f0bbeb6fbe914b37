// A line of a `json` log: {"t":"...","stream":"out","name":"api","pid":1140,"msg":"..."}.
#pragma once
#include <optional>
#include <string_view>

namespace keeper {

struct LogObject {
  std::string_view stream;  ///< "out", "err", "keeper"
  int pid = 0;              ///< 0: none
  bool has_name = false;
};
/// Returns nothing for a line that is not such an object: one with "t" and "stream".
std::optional<LogObject> log_object_of(std::string_view line);

}  // namespace keeper
