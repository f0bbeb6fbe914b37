// Where relative paths begin.
#pragma once
#include <string>

#include "protocol/wire/result.hpp"

namespace keeper {

/// The current directory by the name that the caller knows it by ($PWD) if that leads there, else as
/// getcwd(3) has it. Errors: it was removed; says how to leave it.
Result<std::string> current_directory();

}  // namespace keeper
