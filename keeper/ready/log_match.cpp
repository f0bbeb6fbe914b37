#include "keeper/ready/log_match.hpp"

namespace keeper {
namespace {

constexpr std::size_t kMostLine = 8 * 1024;

}  // namespace

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

bool LogMatch::matches(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return matcher_->matches(line.substr(0, kMostLine));
}

}  // namespace keeper
