// A cursor: a place in a log that a program can come back to, after rotations, and after the file was packed.
//
// It names the app and the stream, and the file by its inode, where it was made, and by a checksum of the
// bytes just before the place: by these it is known again among the backups, also when it became another file
// by being packed, and an inode that the system gave to another file meanwhile is not taken for it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/home/log_chain.hpp"

namespace keeper {

struct LogCursor {
  std::string stem;    ///< of the app: "api", "api:2"
  std::string stream;  ///< "all", "out", "err"
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;
  std::int64_t born = 0;      ///< of the file, nanoseconds since 1970
  std::uint32_t checked = 0;  ///< how many bytes before the place the checksum is of
  std::uint32_t checksum = 0;

  std::string text() const;
  /// Errors: invalid.
  static Result<LogCursor> parse(std::string_view text);
};

/// Bytes that a checksum is made of, at most.
inline constexpr std::size_t kMostChecked = 64;
std::uint32_t checksum_of(std::string_view bytes);

/// Where a log goes on after a cursor. `gone`: the file is not there any more, or was emptied; it is then the
/// beginning of the oldest that was made after it, and what was between is missing.
struct CursorPlace {
  LogSpot spot;
  bool gone = false;
};
Result<CursorPlace> place_of(const std::string& path, const LogCursor& cursor);

}  // namespace keeper
