#include "keeper/core/output_tail.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace keeper {
namespace {

bool inside_a_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// Returns a text without the rest of its first line if that line began before the text.
std::string_view whole_lines(std::string_view text) {
  std::size_t newline = text.find('\n');
  if (newline != std::string_view::npos) return text.substr(newline + 1);
  // A single long line: its end, from the beginning of a character on.
  for (int i = 0; i < 3 && !text.empty() && inside_a_character(text.front()); ++i)
    text.remove_prefix(1);
  return text;
}

}  // namespace

std::string_view last_lines(std::string_view text, std::uint64_t lines) {
  std::size_t at = text.size();
  for (; lines > 0; --lines) {
    std::size_t newline = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
    if (newline == std::string_view::npos) return text;
    at = newline;
  }
  return text.substr(at == text.size() ? at : at + 1);
}

void OutputTail::grow(std::string_view bytes) {
  std::size_t wanted = ring_.size() + bytes.size();
  // The string would allocate powers of two anyway; this never exceeds the bound.
  if (wanted > ring_.capacity()) ring_.reserve(std::max<std::size_t>(64, std::bit_ceil(wanted)));
  ring_ += bytes;
}

void OutputTail::add(std::string_view bytes) {
  if (bytes.size() > kMost) {
    cut_ = true;
    bytes.remove_prefix(bytes.size() - kMost);
  }
  std::string_view fits = bytes.substr(0, kMost - ring_.size());
  grow(fits);
  bytes.remove_prefix(fits.size());
  if (bytes.empty()) return;
  cut_ = true;
  std::size_t to_end = std::min(bytes.size(), kMost - oldest_);
  std::memcpy(ring_.data() + oldest_, bytes.data(), to_end);
  std::memcpy(ring_.data(), bytes.data() + to_end, bytes.size() - to_end);
  oldest_ = (oldest_ + bytes.size()) % kMost;
}

std::string OutputTail::last(std::size_t lines, std::size_t bytes) const {
  std::string all = ring_.substr(oldest_) + ring_.substr(0, oldest_);
  std::string_view text = all;
  if (text.ends_with('\n')) text.remove_suffix(1);
  bool cut = cut_;
  if (text.size() > bytes) {
    // If the cut is between two lines, the first of them is whole.
    std::size_t from = text.size() - bytes;
    cut = text[from - 1] != '\n';
    text.remove_prefix(from);
  }
  if (cut) text = whole_lines(text);
  return std::string(last_lines(text, lines));
}

void OutputTail::clear() {
  ring_.clear();
  oldest_ = 0;
  cut_ = false;
}

}  // namespace keeper
