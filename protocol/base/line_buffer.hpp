// Bytes in, whole lines out, with a maximum. Holds at most one line's maximum, and releases its memory when
// empty.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keeper {

class LineBuffer {
 public:
  explicit LineBuffer(std::size_t most) : most_(most) {}

  /// Adds bytes. Discards them after too_long().
  void add(std::string_view bytes);
  /// Returns the next whole line without its newline ('\n', or "\r\n"), valid until the next call; nothing if
  /// there is none.
  std::optional<std::string_view> next();
  /// A line without an end exceeds the maximum. This is final: the connection must be closed.
  bool too_long() const { return too_long_; }
  /// Bytes held that are not a whole line yet.
  std::size_t pending() const { return buffer_.size() - taken_; }

 private:
  std::size_t most_;
  std::string buffer_;
  std::size_t taken_ = 0;    ///< bytes of buffer_ that were returned already
  std::size_t scanned_ = 0;  ///< no newline before this one
  bool too_long_ = false;
};

/// Returns the lines of a text without their newlines; the last one may have none.
std::vector<std::string> split_lines(std::string_view text);

}  // namespace keeper
