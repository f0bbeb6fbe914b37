// POSIX extended expressions (regex(7)) that are searched in lines, within bounds: the C library would need
// minutes and gigabytes for some short ones.
#pragma once
#include <string>

#include "protocol/base/result.hpp"

namespace keeper {

/// Returns the expression for regcomp(3) (REG_EXTENDED) that finds an expression anywhere in a line. The C
/// library retries an expression at each character, which takes a second for a line of 8 KiB; an expression
/// that begins at the line's start and matches the part before is tried once.
std::string line_expression(const std::string& expression);

/// Says what is wrong with an expression, as the end of a sentence ("is not served: ..."): regerror(3)'s
/// text, or too high a cost in time or memory. Errors: invalid.
Done check_line_expression(const std::string& expression);

}  // namespace keeper
