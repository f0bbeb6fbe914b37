// A cursor: a place in a log to which a program can return after rotations, and after the file was packed.
//
// It names the app, the stream, and the file: by its inode, by the time of its creation, and by a checksum of
// the bytes just before the place. With these the file is recognised among the backups, also after packing,
// and a file that got the inode meanwhile is not confused with it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/logs/chain.hpp"

namespace keeper {

struct LogCursor {
  std::string stem;    ///< of the app: "api", "api:2"
  std::string stream;  ///< "all", "out", "err"
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;
  std::int64_t born = 0;      ///< of the file, nanoseconds since 1970
  std::uint32_t checked = 0;  ///< number of bytes before the place that the checksum covers
  std::uint32_t checksum = 0;

  std::string text() const;
  /// Errors: invalid.
  static Result<LogCursor> parse(std::string_view text);
};

/// Most bytes that a checksum covers.
inline constexpr std::size_t kMostChecked = 64;
std::uint32_t checksum_of(std::string_view bytes);

/// The place at which a log continues after a cursor. `gone`: the file was removed or emptied; the place is
/// then the beginning of the oldest later file, and the bytes between are missing.
struct CursorPlace {
  LogSpot spot;
  bool gone = false;
};
Result<CursorPlace> place_of(const std::string& path, const LogCursor& cursor);

}  // namespace keeper
