// The name service through getent(1): keeper is linked statically and cannot load the services itself.
#pragma once
#include <string>

#include "protocol/base/result.hpp"

namespace keeper {

/// Returns the output of `getent DATABASE KEY`, at most 64 KiB; empty if it cannot be run or finds nothing.
/// No shell is involved, so a key may hold any characters. Waits for it. `getent` is a path, or a name that
/// is searched in PATH.
std::string ask_getent(const char* getent, const char* database, const std::string& key);

/// Returns the addresses of a host, in the order of getaddrinfo(3), separated by spaces: "::1 127.0.0.1". An
/// address is its own result. Errors: not_found.
Result<std::string> addresses_of(const std::string& host, const char* getent = "getent");

}  // namespace keeper
