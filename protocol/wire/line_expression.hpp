// POSIX extended expressions (regex(7)) that are looked for in lines, within bounds: the C library would need
// minutes and gigabytes for some that are short.
#pragma once
#include <string>

#include "protocol/wire/result.hpp"

namespace keeper {

/// What regcomp(3) is given (REG_EXTENDED) to find an expression anywhere in a line. The C library tries an
/// expression anew from each character on, which takes a second for a line of 8 KiB; one that begins at the
/// line's start and passes over what stands before is tried once.
std::string line_expression(const std::string& expression);

/// What is wrong with an expression, as the end of a sentence about it ("is not served: ..."): in
/// regerror(3)'s words, or because it would cost too much time or memory. Errors: invalid.
Done check_line_expression(const std::string& expression);

}  // namespace keeper
