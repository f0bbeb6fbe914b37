// Readiness by a line of output: true once a line matches a POSIX extended expression (regex(7)) somewhere;
// ^ and $ are the line's start and end.
//
// Fed with output as it comes, cut anywhere; a line counts when its newline has come, without that (and
// without a carriage return before it). Of a longer line the first 8 KiB count. A NUL in it is a
// character that . does not match. Dropped by its owner after the match.
#pragma once
#include <regex.h>

#include <memory>
#include <string>
#include <string_view>

#include "protocol/wire/result.hpp"

namespace keeper {

class LogMatch {
 public:
  /// `expression` has passed check_line_expression. Errors: invalid, with what regerror(3) says.
  static Result<std::unique_ptr<LogMatch>> make(std::string expression);
  ~LogMatch();
  LogMatch(const LogMatch&) = delete;
  LogMatch& operator=(const LogMatch&) = delete;

  /// Whether a line that ends in `bytes` matches. What stands behind that line is not looked at.
  bool feed(std::string_view bytes);

 private:
  explicit LogMatch(std::string expression) : expression_(std::move(expression)) {}
  int compile();
  void keep(std::string_view piece);
  bool matches(std::string_view line);

  std::string expression_;
  regex_t compiled_{};
  bool is_compiled_ = false;
  std::size_t matched_ = 0;  ///< bytes since it was compiled
  std::string line_;         ///< the beginning of one whose end has not come
};

}  // namespace keeper
