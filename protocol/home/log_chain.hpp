// The files of a log are a chain: PATH is the youngest, PATH.1 older, PATH.2 older still, each of the backups
// perhaps packed (PATH.2.gz). Behind them come those that logrotate(8) has named by their date
// (PATH-20261129, PATH-20261129.gz; option dateext), the youngest first. A rotation renames from the old end
// on (PATH.1 to PATH.2, then PATH to PATH.1, then a new PATH; or PATH to PATH.rotating first), so while it
// runs one name is missing. Whoever looks at the chain meanwhile can rely on two things: a file only moves
// up, and none overtakes another. Hence every search goes upwards, and a neighbour that was opened is checked
// afterwards: if nothing came between by then, it was the neighbour when it was opened.
#pragma once
#include <cstdint>
#include <string>

#include "protocol/home/log_content.hpp"

namespace keeper {

/// A file of the chain, opened.
struct OpenLog {
  LogContent content;  ///< empty: there is none
  FileFacts facts;
  int number = 0;    ///< 0 is PATH, 1 PATH.rotating, then PATH.1 and so on, then those with a date
  std::string name;  ///< when it was opened
  explicit operator bool() const { return static_cast<bool>(content); }
};

/// A place in a log: before the byte at `offset` of that file.
struct LogSpot {
  FileFacts file;
  std::uint64_t offset = 0;
};

/// Errors of all: failed, what is there cannot be read or is no regular file.

/// The youngest file; empty if there is none.
Result<OpenLog> open_newest(const std::string& path);
/// The file before this one; empty if it is the oldest.
Result<OpenLog> open_older(const std::string& path, const FileFacts& file);
/// The file after this one; empty if there is none yet. After one that is gone, the oldest that was made
/// since.
Result<OpenLog> open_newer(const std::string& path, const FileFacts& file);
/// The very file, whatever it is called by now; empty if it is gone.
Result<OpenLog> open_again(const std::string& path, const FileFacts& file);
/// The oldest file; empty if there is none.
Result<OpenLog> open_oldest(const std::string& path);

}  // namespace keeper
