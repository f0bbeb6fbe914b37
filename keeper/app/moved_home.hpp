// Where a home is by now: somebody may rename it, or a directory above it, while its keepers run.
//
// A keeper has the lock of its app open, and the kernel knows the path of an open file, wherever that was
// moved (/proc/PID/fd, proc(5)). So a keeper goes along with its home, and what is made at the old path
// meanwhile is another home, which is nobody's business here. A home that was removed has no such path.
#pragma once
#include "keeper/survive/role.hpp"
#include "protocol/store/home.hpp"

namespace keeper {

/// Opens the home that the lock is in, where that is not at `path` any more. Nothing: it is still there, or
/// was removed.
std::optional<Home> find_moved_home(const std::string& path, const std::string& stem, int lock);

/// Opens that, or else the home at the table's path. Errors: those of Home::open().
Result<Home> open_home_of(const RoleTable& table, Home::Create create);

}  // namespace keeper
