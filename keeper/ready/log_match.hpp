// Readiness by a line of output: true once a line matches a POSIX extended expression (regex(7)) somewhere;
// ^ and $ are the line's start and end.
//
// Fed with output as it comes, cut anywhere; a line counts when its newline has come, without that (and
// without a carriage return before it). Of a longer line the first 8 KiB count. A NUL in it is a
// character that . does not match. Dropped by its owner after the match.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "protocol/wire/line_matcher.hpp"

namespace keeper {

class LogMatch {
 public:
  /// `expression` has passed check_line_expression. Errors: invalid, with what regerror(3) says.
  static Result<std::unique_ptr<LogMatch>> make(std::string expression);

  /// Whether a line that ends in `bytes` matches. What stands behind that line is not looked at.
  bool feed(std::string_view bytes);

 private:
  explicit LogMatch(std::unique_ptr<LineMatcher> matcher) : matcher_(std::move(matcher)) {}
  void keep(std::string_view piece);
  bool matches(std::string_view line);

  std::unique_ptr<LineMatcher> matcher_;
  std::string line_;  ///< the beginning of one whose end has not come
};

}  // namespace keeper
