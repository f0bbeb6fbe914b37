// An expression that is looked for in lines, one after the other (see line_expression).
#pragma once
#include <regex.h>

#include <memory>
#include <string>
#include <string_view>

#include "protocol/wire/result.hpp"

namespace keeper {

class LineMatcher {
 public:
  /// Errors: invalid, with regerror(3)'s words; what check_line_expression refuses is not refused here.
  static Result<std::unique_ptr<LineMatcher>> make(std::string expression);
  ~LineMatcher();
  LineMatcher(const LineMatcher&) = delete;
  LineMatcher& operator=(const LineMatcher&) = delete;

  /// Whether it is anywhere in the line, which may have any bytes but a newline in it. A '\r' at its end does
  /// not count.
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
