// Messages of the command `keeper` to the person who typed it.
#pragma once
#include <cstdio>
#include <string>

#include "protocol/base/escape.hpp"
#include "protocol/base/result.hpp"

namespace keeper {

/// "keeper: TEXT" to stderr; gives back the exit code, to be returned.
inline int complain(const std::string& text, int exit_code = 1) {
  std::fprintf(stderr, "keeper: %s\n", escaped_lines(text).c_str());
  return exit_code;
}
inline int complain(const Error& error, int exit_code = 1) {
  return complain(error.text(), exit_code);
}

}  // namespace keeper
