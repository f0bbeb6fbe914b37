// A log whose path is a symbolic link: its file is renamed, packed and removed where it really is.
#pragma once
#include <string>

namespace keeper {

/// Where the file is that a link leads to, or would be made; the path itself where it is no link, or leads to
/// a device or the like, or into /proc.
std::string end_of_links(const std::string& path);

}  // namespace keeper
