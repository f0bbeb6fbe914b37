// A pid file that a user asked for (--pid-file): other programs may write to the same path, so it is checked
// before it is replaced and before it is removed. apps/NAME/pid is the home's own and needs none of this.
// `user`: the user whose rights count if that user may have chosen what is at the path (file_place.hpp);
// null: none.
#pragma once
#include <optional>
#include <string>

#include "protocol/base/acting_as.hpp"
#include "protocol/base/result.hpp"

namespace keeper {

/// Returns the process that the file stands for: its pid lives (proc(5)) and began before the file was last
/// written, so the number was not reused. Nothing for a stale file, a link, or text that is not a pid.
std::optional<int> pid_file_owner(const std::string& path, const ActingUser* user = nullptr);

/// Removes the file if `pid` is its content, and leaves it alone otherwise.
void remove_pid_file(const std::string& path, int pid, const ActingUser* user = nullptr);

/// Writes the file, beside and renamed, readable for everybody. Errors: failed.
Done write_pid_file(const std::string& path, std::string_view text, const ActingUser* user = nullptr);

/// Checks that it can be written: its directory exists and is writable, and only a file or a link is in its
/// place. Errors: not_found, refused, invalid, with the path and a remedy.
Done check_pid_file(const std::string& path, const ActingUser* user = nullptr);

/// Returns the error for a file that belongs to a living process.
Error pid_file_taken(const std::string& path, int owner);

}  // namespace keeper
