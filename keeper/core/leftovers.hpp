// What a run leaves behind that has ended by itself, in words. Most often it has gone into the background:
// then the run that is kept ends at once, and the server is ended with what it left. So people are asked, and
// told the option by which a well-known server stays in the foreground.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "protocol/wire/units.hpp"

namespace keeper {

/// "left 2 processes behind (nginx: master process, nginx: worker process), which were ended". Where the run
/// ended with code 0 within a minute also: ": does it go into the background? nginx stays in the foreground
/// with -g 'daemon off;'". `commands`: what they are executed as; one at least.
std::string left_behind_text(const std::vector<std::string>& commands, const ExitInfo& exit, Millis lived);

/// How a server that is executed so stays in the foreground: "nginx stays in the foreground with -g 'daemon
/// off;'"; empty for one that is not known.
std::string foreground_advice(std::string_view command);

}  // namespace keeper
