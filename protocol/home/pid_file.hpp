// A pid file that a user asked for (--pid-file): other programs may write to the same path, so it is looked
// at before it is replaced, and before it is removed. apps/NAME/pid is ours and needs none of this. `user`:
// whose rights count where that user may have chosen what is at the path (file_place.hpp); null: nobody
// else's.
#pragma once
#include <optional>
#include <string>

#include "protocol/home/acting_as.hpp"
#include "protocol/wire/result.hpp"

namespace keeper {

/// The process that the file stands for: its pid lives (proc(5)), and began before the file was last written,
/// so it is not a later process of the same number. Nothing for a stale file, a link, or what holds no pid.
std::optional<int> pid_file_owner(const std::string& path, const ActingUser* user = nullptr);

/// Removes the file if `pid` is what stands in it, and leaves it alone if anything else does.
void remove_pid_file(const std::string& path, int pid, const ActingUser* user = nullptr);

/// Writes it, beside and renamed, for everybody to read. Errors: failed.
Done write_pid_file(const std::string& path, std::string_view text, const ActingUser* user = nullptr);

/// Whether it can be written at all: that its directory is there and may be written to, and that nothing is
/// in its place but a file or a link. Errors: not_found, refused, invalid, with the path and what to do.
Done check_pid_file(const std::string& path, const ActingUser* user = nullptr);

/// What is said where a living process has the file.
Error pid_file_taken(const std::string& path, int owner);

}  // namespace keeper
