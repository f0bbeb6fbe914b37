// Matches lines against an expression (see line_expression), in bounded memory. Ignores a carriage return at
// a line's end. A NUL is a character that . does not match.
#pragma once
#include <regex.h>

#include <memory>
#include <string>
#include <string_view>

#include "protocol/base/result.hpp"

namespace keeper {

class LineMatcher {
 public:
  /// The part of a line of unknown length that is enough to match.
  static constexpr std::size_t kMostLine = 8 << 10;

  /// `expression` has passed check_line_expression. Errors: invalid, with regerror(3)'s text.
  static Result<std::unique_ptr<LineMatcher>> make(std::string expression);
  ~LineMatcher();
  LineMatcher(const LineMatcher&) = delete;
  LineMatcher& operator=(const LineMatcher&) = delete;

  /// Returns whether a line, given without its newline, contains a match.
  bool matches(std::string_view line);

 private:
  explicit LineMatcher(std::string expression) : expression_(std::move(expression)) {}
  int compile();

  std::string expression_;
  regex_t compiled_{};
  bool is_compiled_ = false;
  std::size_t matched_ = 0;  ///< bytes since it was compiled
};

}  // namespace keeper
