#include "protocol/base/line_expression.hpp"

#include <regex.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr std::size_t kMostPieces = 1000;  // the C library's memory grows with their square

/// Returns the end of the bracket expression that begins at `at`: after "]", which may be its first character
/// ("[]a]", "[^]a]") and end a class ("[[:alpha:]]").
std::size_t behind_bracket(string_view expression, std::size_t at) {
  at += expression.substr(at + 1).starts_with('^') ? 2 : 1;
  for (bool first = true; at < expression.size(); first = false) {
    if (expression[at] == ']' && !first) return at + 1;
    bool is_class = expression[at] == '[' && expression.substr(at + 1).find_first_of(":.=") == 0;
    auto end = is_class ? expression.find({&expression[at + 1], 1}, at + 2) : at;
    at = end == string_view::npos ? expression.size() : is_class ? end + 2 : at + 1;
  }
  return at;
}

/// Returns the end of the interval that begins at `at`: after the "}" of "{N}", "{N,}", "{N,M}", "{,M}".
/// After the "{" if it is none of these.
std::size_t behind_interval(string_view expression, std::size_t at) {
  auto end = expression.find_first_not_of("0123456789,", at + 1);
  return end != string_view::npos && expression[end] == '}' ? end + 1 : at + 1;
}

/// Returns how often the atom before an interval is written out, at most.
std::size_t times(string_view interval) {
  std::size_t most = 0, number = 0;
  for (char c : interval) {
    bool is_digit = c >= '0' && c <= '9';
    number =
        is_digit ? std::min<std::size_t>(number * 10 + static_cast<std::size_t>(c - '0'), kMostPieces) : 0;
    most = std::max(most, number);
  }
  return most + 1;
}

/// Returns the end of the operator, bracket expression, escaped character or character at that place.
std::size_t behind_next(string_view expression, std::size_t at) {
  if (expression[at] == '[') return behind_bracket(expression, at);
  if (expression[at] == '{') return behind_interval(expression, at);
  return at + (expression[at] == '\\' ? 2 : 1);
}

/// The pieces of the open group at some place in an expression: up to the last atom, and of that atom, which
/// a following operator repeats.
struct Pieces {
  std::size_t before = 0, last = 0;
  int deepest = 0, depth = 0;  ///< nested repetitions: in all of it, in the last atom
  void add(std::size_t atom, int deep = 0) {
    before = std::min(before + last, kMostPieces + 1);
    last = atom;
    depth = deep;
    deepest = std::max(deepest, depth);
  }
  void repeat(std::size_t count) { last = std::min(last * count, kMostPieces) + 1; }
  void pass_over() {
    repeat(depth > 0 ? 2 : 1);
    deepest = std::max(deepest, ++depth);
  }
  /// An atom that may be empty can be skipped in as many ways: each nesting squares their number.
  void write_out(std::size_t count) {
    for (int within = 0; within < depth; ++within)
      count = std::min(count * count, kMostPieces);
    repeat(count);
    deepest = std::max(deepest, ++depth);
  }
};

/// Returns how many pieces the C library makes of an expression, about: "+" doubles the repeated part, "{N}"
/// writes it out N times, and they nest. Nothing if a ")" closes nothing: it would stand for itself, but not
/// after the prefix of line_expression().
std::optional<std::size_t> pieces_of(string_view expression) {
  std::vector<Pieces> open(1);
  for (std::size_t at = 0; at < expression.size();) {
    char c = expression[at];
    auto end = behind_next(expression, at);
    if (c == '(') {
      open.emplace_back();
    } else if (c == ')') {
      if (open.size() == 1) return std::nullopt;
      Pieces group = open.back();
      open.pop_back();
      open.back().add(group.before + group.last + 1, group.deepest);
    } else if (c == '+') {
      open.back().write_out(2);
    } else if (c == '*' || c == '?') {
      open.back().pass_over();
    } else if (c == '{') {
      open.back().write_out(times(expression.substr(at, end - at)));
    } else {
      open.back().add(1);
    }
    at = end;
  }
  std::size_t out = 0;
  for (const Pieces& group : open)
    out += group.before + group.last;
  return out;
}

/// POSIX has no "\1" in such expressions, but the C library does.
bool refers_back(string_view expression) {
  for (std::size_t at = 0; at + 1 < expression.size(); ++at) {
    if (expression[at] != '\\') continue;
    ++at;
    if (expression[at] >= '1' && expression[at] <= '9') return true;
  }
  return false;
}

/// Returns the C library's error text for it; empty for a valid one.
string compile_error(const string& expression) {
  regex_t compiled;
  int code = regcomp(&compiled, line_expression(expression).c_str(), REG_EXTENDED | REG_NOSUB);
  if (code == 0) {
    regfree(&compiled);
    return {};
  }
  char text[128];
  regerror(code, &compiled, text, sizeof text);
  return text;
}

}  // namespace

/// Not ".*", which does not match NUL; a line has no newline in it.
string line_expression(const string& expression) {
  return "^[^\n]*(" + expression + ")";
}

Done check_line_expression(const string& expression) {
  if (refers_back(expression)) return invalid("is not served: \\1 to \\9 can take for ever to match");
  auto pieces = pieces_of(expression);
  if (!pieces) return invalid("has a ) without its (; one that is meant is written \\)");
  if (*pieces > kMostPieces)
    return invalid(
        "is not served: it comes to more than 1000 pieces (+ doubles what it repeats, {N} writes it "
        "out N times)");
  if (string error = compile_error(expression); !error.empty())
    return invalid("is no POSIX extended expression: " + error);
  return {};
}

}  // namespace keeper
