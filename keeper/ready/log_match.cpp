#include "keeper/ready/log_match.hpp"

#include "protocol/wire/line_expression.hpp"

namespace keeper {
namespace {

constexpr std::size_t kMostLine = 8 * 1024;
// The C library remembers every state of the automaton that it comes across; after so many bytes it is made
// to begin anew.
constexpr std::size_t kAnew = 1 << 20;

}  // namespace

Result<std::unique_ptr<LogMatch>> LogMatch::make(std::string expression) {
  std::unique_ptr<LogMatch> out(new LogMatch(std::move(expression)));
  int code = out->compile();
  if (code == 0) return out;
  char text[128];
  regerror(code, nullptr, text, sizeof text);
  return Error{Reason::invalid, "match '" + out->expression_ + "'", text, 0};
}

LogMatch::~LogMatch() {
  if (is_compiled_) regfree(&compiled_);
}

/// What regcomp(3) says; if it fails, what was compiled before stays.
int LogMatch::compile() {
  regex_t fresh;
  int code = regcomp(&fresh, line_expression(expression_).c_str(), REG_EXTENDED | REG_NOSUB);
  if (code != 0) return code;
  if (is_compiled_) regfree(&compiled_);
  compiled_ = fresh;
  is_compiled_ = true;
  matched_ = 0;
  return 0;
}

bool LogMatch::feed(std::string_view bytes) {
  for (auto end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
    std::string_view piece = bytes.substr(0, end);
    bool whole = line_.empty();
    if (!whole) keep(piece);
    bool match = matches(whole ? piece : std::string_view(line_));
    line_.clear();
    if (match) return true;
    bytes.remove_prefix(end + 1);
  }
  keep(bytes);
  return false;
}

void LogMatch::keep(std::string_view piece) {
  line_ += piece.substr(0, kMostLine - line_.size());
}

/// REG_STARTEND: the line is not copied, and may have a NUL in it.
bool LogMatch::matches(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  line = line.substr(0, kMostLine);
  if ((matched_ += line.size()) > kAnew) static_cast<void>(compile());
  regmatch_t bounds{0, static_cast<regoff_t>(line.size())};
  return regexec(&compiled_, line.data(), 1, &bounds, REG_STARTEND) == 0;
}

}  // namespace keeper
