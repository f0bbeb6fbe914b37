#include "keeper/ready/log_match.hpp"

namespace keeper {

Result<std::unique_ptr<LogMatch>> LogMatch::make(std::string expression) {
  auto matcher = LineMatcher::make(std::move(expression));
  if (!matcher) return matcher.error();
  return std::unique_ptr<LogMatch>(new LogMatch(*std::move(matcher)));
}

bool LogMatch::feed(std::string_view bytes) {
  for (auto end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
    std::string_view piece = bytes.substr(0, end);
    bool whole = line_.empty();
    if (!whole) keep(piece);
    std::string_view line = whole ? piece.substr(0, LineMatcher::kMostLine) : std::string_view(line_);
    bool match = matcher_->matches(line);
    line_.clear();
    if (match) return true;
    bytes.remove_prefix(end + 1);
  }
  keep(bytes);
  return false;
}

void LogMatch::keep(std::string_view piece) {
  line_ += piece.substr(0, LineMatcher::kMostLine - line_.size());
}

}  // namespace keeper
