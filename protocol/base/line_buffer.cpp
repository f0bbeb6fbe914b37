#include "protocol/base/line_buffer.hpp"

#include <algorithm>

namespace keeper {

void LineBuffer::add(std::string_view bytes) {
  if (too_long_) return;
  if (taken_ > 0) {
    buffer_.erase(0, taken_);
    scanned_ -= taken_;
    taken_ = 0;
  }
  buffer_.append(bytes);
}

std::optional<std::string_view> LineBuffer::next() {
  std::size_t end = buffer_.find('\n', scanned_);
  if (end == std::string::npos) {
    scanned_ = buffer_.size();
    if (pending() > most_) {
      too_long_ = true;
      std::string().swap(buffer_);
      taken_ = scanned_ = 0;
    } else if (pending() == 0) {
      std::string().swap(buffer_);
      taken_ = scanned_ = 0;
    }
    return std::nullopt;
  }
  std::string_view line(buffer_.data() + taken_, end - taken_);
  if (line.size() > most_) {
    too_long_ = true;
    std::string().swap(buffer_);
    taken_ = scanned_ = 0;
    return std::nullopt;
  }
  taken_ = scanned_ = end + 1;
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    out.emplace_back(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(out.back().size() + 1, text.size()));
  }
  return out;
}

}  // namespace keeper
