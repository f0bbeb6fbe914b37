#include "protocol/base/line_matcher.hpp"

#include "protocol/base/line_expression.hpp"

namespace keeper {
namespace {

// The C library keeps every state of the automaton that it meets; after so many bytes the expression is
// compiled again.
constexpr std::size_t kAnew = 1 << 20;

}  // namespace

Result<std::unique_ptr<LineMatcher>> LineMatcher::make(std::string expression) {
  std::unique_ptr<LineMatcher> out(new LineMatcher(std::move(expression)));
  int code = out->compile();
  if (code == 0) return out;
  char text[128];
  regerror(code, nullptr, text, sizeof text);
  return Error{Reason::invalid, "match '" + out->expression_ + "'", text, 0};
}

LineMatcher::~LineMatcher() {
  if (is_compiled_) regfree(&compiled_);
}

/// Returns regcomp(3)'s result; if it fails, the earlier compilation stays.
int LineMatcher::compile() {
  regex_t fresh;
  int code = regcomp(&fresh, line_expression(expression_).c_str(), REG_EXTENDED | REG_NOSUB);
  if (code != 0) return code;
  if (is_compiled_) regfree(&compiled_);
  compiled_ = fresh;
  is_compiled_ = true;
  matched_ = 0;
  return 0;
}

/// REG_STARTEND: the line is not copied, and may have a NUL in it.
bool LineMatcher::matches(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if ((matched_ += line.size()) > kAnew) static_cast<void>(compile());
  regmatch_t bounds{0, static_cast<regoff_t>(line.size())};
  const char* text = line.data() == nullptr ? "" : line.data();
  return regexec(&compiled_, text, 1, &bounds, REG_STARTEND) == 0;
}

}  // namespace keeper
