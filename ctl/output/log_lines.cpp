#include "ctl/output/log_lines.hpp"

#include "ctl/output/escape.hpp"

namespace keeper {
namespace {

constexpr std::size_t kMostHeld = 64 * 1024;

}  // namespace

void LogLineWriter::add_line(std::string& out, std::string_view line) const {
  out += prefix_;
  if (harmless_) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    out += escaped_log_line(line);
  } else {
    out += line;
  }
  out += '\n';
}

std::string LogLineWriter::add(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    std::size_t end = bytes.find('\n');
    bool whole = end != std::string_view::npos;
    std::size_t taken = std::min(whole ? end : bytes.size(), kMostHeld - rest_.size());
    rest_ += bytes.substr(0, taken);
    bytes.remove_prefix(taken);
    if (whole && taken == end) bytes.remove_prefix(1);
    bool full = rest_.size() == kMostHeld;
    if (!full && !(whole && taken == end)) break;
    add_line(out, rest_);
    rest_.clear();
  }
  return out;
}

std::string LogLineWriter::finish() {
  std::string out;
  if (!rest_.empty()) add_line(out, rest_);
  rest_.clear();
  return out;
}

}  // namespace keeper
