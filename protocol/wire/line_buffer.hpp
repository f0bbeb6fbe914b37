// Bytes in, whole lines out, with a maximum. Holds no more than one line's maximum and gives its memory back
// when empty.
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

  /// Adds bytes. After too_long() nothing more is kept.
  void add(std::string_view bytes);
  /// The next whole line without its newline ('\n', or "\r\n"), valid until the next call; nothing if there
  /// is none.
  std::optional<std::string_view> next();
  /// A line without an end is longer than the maximum. There is no way back: the connection is to be closed.
  bool too_long() const { return too_long_; }
  /// Bytes held that are no whole line yet.
  std::size_t pending() const { return buffer_.size() - taken_; }

 private:
  std::size_t most_;
  std::string buffer_;
  std::size_t taken_ = 0;    ///< bytes of buffer_ already given out
  std::size_t scanned_ = 0;  ///< no newline before this one
  bool too_long_ = false;
};

/// The lines of a whole text without their newlines; the last one may have none.
std::vector<std::string> split_lines(std::string_view text);

}  // namespace keeper
