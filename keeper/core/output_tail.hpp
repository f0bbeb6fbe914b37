// The last bytes that a program wrote, for the record of its end. Holds what was written and no more, up to
// 4 KiB; then the oldest bytes make room.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace keeper {

class OutputTail {
 public:
  static constexpr std::size_t kMost = 4096;

  void add(std::string_view bytes);
  /// The last `lines` lines in at most `bytes` bytes, each but the last followed by '\n'. A line that does
  /// not begin here is left out, but the only one: then it is its end.
  std::string last(std::size_t lines, std::size_t bytes) const;
  void clear();
  std::size_t size() const { return ring_.size(); }

 private:
  void grow(std::string_view bytes);

  std::string ring_;
  std::size_t oldest_ = 0;  ///< where it begins, once it is full
  bool cut_ = false;        ///< something older has made room
};

/// The last `lines` lines of a text whose lines are each followed by '\n', but the last.
std::string_view last_lines(std::string_view text, std::uint64_t lines);

}  // namespace keeper
