// The name service, asked through getent(1): keeper is linked statically and cannot load the services itself.
#pragma once
#include <string>

#include "protocol/wire/result.hpp"

namespace keeper {

/// The text that `getent DATABASE KEY` writes, of at most 64 KiB; empty where it cannot be run or knows
/// nothing. No shell stands between, so a key may hold anything. Waits for it. `getent` is a path, or a name
/// that is looked up in PATH.
std::string ask_getent(const char* getent, const char* database, const std::string& key);

/// The addresses of a host, in the order of getaddrinfo(3), with a space between: "::1 127.0.0.1". An address
/// is its own. Errors: not_found.
Result<std::string> addresses_of(const std::string& host, const char* getent = "getent");

}  // namespace keeper
