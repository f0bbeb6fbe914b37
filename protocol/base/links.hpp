// A log whose path is a symbolic link: its file is renamed, packed and removed at its real place.
#pragma once
#include <string>

namespace keeper {

/// Returns the place of the file that a link leads to, or would create; the path itself if it is not a link,
/// or leads to a device or the like, or into /proc.
std::string end_of_links(const std::string& path);

}  // namespace keeper
