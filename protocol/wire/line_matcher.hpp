// Matches lines against an expression (see line_expression), in bounded memory. A carriage return at a line's
// end does not count. A NUL in it is a character that . does not match.
#pragma once
#include <regex.h>

#include <memory>
#include <string>
#include <string_view>

#include "protocol/wire/result.hpp"

namespace keeper {

class LineMatcher {
 public:
  /// For who reads lines of unknown length: more of one need not be looked at.
  static constexpr std::size_t kMostLine = 8 << 10;

  /// `expression` has passed check_line_expression. Errors: invalid, with what regerror(3) says.
  static Result<std::unique_ptr<LineMatcher>> make(std::string expression);
  ~LineMatcher();
  LineMatcher(const LineMatcher&) = delete;
  LineMatcher& operator=(const LineMatcher&) = delete;

  /// Whether it is found in a line, which is given without its newline.
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
