// The last bytes of a program's output, for the record of its end. Allocates only as much as was written, up
// to 4 KiB; then the newest bytes replace the oldest.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace keeper {

class OutputTail {
 public:
  static constexpr std::size_t kMost = 4096;

  void add(std::string_view bytes);
  /// Returns the last `lines` lines in at most `bytes` bytes, each but the last followed by '\n'. Omits a
  /// line that does not begin here, unless it is the only one: then returns its end.
  std::string last(std::size_t lines, std::size_t bytes) const;
  void clear();
  std::size_t size() const { return ring_.size(); }

 private:
  void grow(std::string_view bytes);

  std::string ring_;
  std::size_t oldest_ = 0;  ///< where the content begins, once it is full
  bool cut_ = false;        ///< older output was replaced
};

/// Returns the last `lines` lines of a text whose lines are each followed by '\n', but the last.
std::string_view last_lines(std::string_view text, std::uint64_t lines);

}  // namespace keeper
