// The directory at which relative paths begin.
#pragma once
#include <string>

#include "protocol/base/result.hpp"

namespace keeper {

/// Returns the current directory by the caller's name for it ($PWD) if that leads there, else from getcwd(3).
/// Errors: it was removed; the text says how to leave it.
Result<std::string> current_directory();

}  // namespace keeper
