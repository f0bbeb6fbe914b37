// Readiness by a line of output: true once a line contains a match of a POSIX extended expression (regex(7));
// ^ and $ are the line's start and end.
//
// Takes output as it comes, cut anywhere; a line counts when its newline has come, without it (line_matcher
// says which part of it counts). Its owner destroys it after the match.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "protocol/base/line_matcher.hpp"

namespace keeper {

class LogMatch {
 public:
  /// `expression` has passed check_line_expression. Errors: invalid, with regerror(3)'s text.
  static Result<std::unique_ptr<LogMatch>> make(std::string expression);

  /// Returns whether a line that ends in `bytes` matches. Does not read past that line.
  bool feed(std::string_view bytes);

 private:
  explicit LogMatch(std::unique_ptr<LineMatcher> matcher) : matcher_(std::move(matcher)) {}
  void keep(std::string_view piece);

  std::unique_ptr<LineMatcher> matcher_;
  std::string line_;  ///< the beginning of a line without an end yet
};

}  // namespace keeper
