// What `ctl doctor` shows.
#pragma once
#include <string>
#include <vector>

#include "protocol/wire/finding.hpp"

namespace keeper {

/// Each in two lines: what is wrong, and below it what to do or what was done.
std::string findings_text(const std::vector<Finding>& findings, bool coloured);

/// The last line: "looked at 2 apps and HOME: nothing is wrong", or how much is. `where`: "2 apps and
/// HOME".
std::string findings_summary(const std::vector<Finding>& findings, const std::string& where);

}  // namespace keeper
