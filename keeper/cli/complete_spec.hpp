// From what was typed to a spec that can be kept: absolute paths, the caller's environment, a program that
// exists.
#pragma once
#include <optional>
#include <string>

#include "protocol/wire/spec.hpp"

namespace keeper {

/// Completes the spec, and finds everything about it that can be known to fail before anything is taken or
/// written. Says what fails, and gives the exit code then (126, 127: the program; 2: a value that cannot
/// be used, as a user that is not there, a descriptor that is not open, a directory or a file that is
/// missing). To be called before anything is opened.
std::optional<int> prepare(Spec& spec);

/// Looks up again the user of a record, whose groups may have changed, and the host of its syslog, which may
/// have moved. Errors: as the user's. True if the record is to be written again.
Result<bool> look_up_again(Spec& spec);

}  // namespace keeper
