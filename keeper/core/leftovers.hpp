// Names the processes that a run left behind when it ended by itself. Most often the program has gone into
// the background: the kept run ends at once, and the server is ended as its leftover. The text asks about
// that, and names the option that keeps a well-known server in the foreground.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/units.hpp"
#include "protocol/wire/exit.hpp"

namespace keeper {

/// Returns "left 2 processes behind (nginx: master process, nginx: worker process), which were ended". If the
/// run ended with code 0 within a minute, also: ": does it go into the background? nginx stays in the
/// foreground with -g 'daemon off;'". `commands`: their command lines; one at least.
std::string left_behind_text(const std::vector<std::string>& commands, const ExitInfo& exit, Millis lived);

/// Says how a server with that command stays in the foreground: "nginx stays in the foreground with -g
/// 'daemon off;'"; empty for an unknown one.
std::string foreground_advice(std::string_view command);

}  // namespace keeper
