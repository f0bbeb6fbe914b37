// The files of a log are a chain: PATH is the youngest, PATH.1 older, PATH.2 older still; backups may be
// packed (PATH.2.gz). After them come those that logrotate(8) has named by their date (PATH-20261129,
// PATH-20261129.gz; option dateext), youngest first. A rotation renames from the old end (PATH.1 to PATH.2,
// then PATH to PATH.1, then a new PATH; or PATH to PATH.rotating first), so one name is missing while it
// runs. A reader can rely on two things meanwhile: a file only moves up, and none overtakes another. Hence
// every search goes upwards, and checks a neighbour after it is opened: if nothing came between by then, it
// was the neighbour when it was opened.
#pragma once
#include <cstdint>
#include <string>

#include "protocol/logs/content.hpp"

namespace keeper {

/// A file of the chain, opened.
struct OpenLog {
  LogContent content;  ///< empty: there is none
  FileFacts facts;
  int number = 0;    ///< 0 is PATH, 1 PATH.rotating, then PATH.1 and so on, then those with a date
  std::string name;  ///< at the time of opening
  explicit operator bool() const { return static_cast<bool>(content); }
};

/// A place in a log: before the byte at `offset` of that file.
struct LogSpot {
  FileFacts file;
  std::uint64_t offset = 0;
};

/// Errors of all: failed, a file is unreadable or not a regular file.

/// Opens the youngest file; empty if there is none.
Result<OpenLog> open_newest(const std::string& path);
/// Opens the file before this one; empty if it is the oldest.
Result<OpenLog> open_older(const std::string& path, const FileFacts& file);
/// Opens the file after this one; empty if there is none yet. If this one is gone, opens the oldest that was
/// made since.
Result<OpenLog> open_newer(const std::string& path, const FileFacts& file);
/// Opens the very file, whatever its name is by now; empty if it is gone.
Result<OpenLog> open_again(const std::string& path, const FileFacts& file);
/// Opens the oldest file; empty if there is none.
Result<OpenLog> open_oldest(const std::string& path);

}  // namespace keeper
