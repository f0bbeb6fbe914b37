// The index of a log's times: PATH.idx beside PATH, renamed along with it. Lets `ctl logs --since` begin in
// the middle of a file without reading the part before.
//
// A header of 16 bytes, then entries of 16, little endian:
//   "keeperi2"  u64 inode of the log file
//               the index of another file is ignored, whatever its name is by now
//   i64 ms since 1970  u64 offset
//               bytes from the offset on were written then or later, all before it earlier
// A time of 0 marks an unwritten entry: the space after the last entry is room for more.
// The writer makes an entry before it writes bytes, at most one a second: the bytes from an entry to the next
// one were written within a second. Times and offsets never go back: while a wall clock that was set back
// catches up there are no entries, and those bytes count as written at the last entry. If the log is
// truncated, the index begins anew.
//
// A reader may begin a little too early, never too late. If the bytes are torn, of another file, or nonsense,
// it begins at the start and ends at the end in the worst case.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/fd.hpp"
#include "protocol/base/units.hpp"

namespace keeper {

/// Returns the name of a log file's index: beside it, without ".gz".
std::string index_name(const std::string& log_name);
/// Opens it for reading; empty if there is none.
Fd open_index(const std::string& log_name);

struct IndexEntry {
  WallTime time;
  std::uint64_t offset = 0;
  bool operator==(const IndexEntry&) const = default;
};

constexpr std::size_t kIndexRecord = 16;  ///< bytes of the header, and of an entry
using IndexRecord = std::array<char, kIndexRecord>;
IndexRecord index_header(std::uint64_t inode);
IndexRecord index_record(const IndexEntry& entry);
/// Stores a record into the mapped memory of a file, so that a reader, also after this process was killed
/// midway, finds it whole or not at all.
void store_index_record(char* at, const IndexRecord& record);

/// Decides when the writer makes an entry.
class IndexPace {
 public:
  /// Begins a new index, or continues after the given last entry.
  explicit IndexPace(std::optional<IndexEntry> last = {}) : last_(last) {}

  /// Returns the entry to write before bytes are written to the log at `offset`, if one is due. An entry that
  /// cannot be written must be written later unchanged, or the index must be removed.
  std::optional<IndexEntry> next(WallTime now, std::uint64_t offset);
  /// Returns whether bytes at `offset` mean that the log was truncated: begin anew then, with IndexPace().
  bool truncated(std::uint64_t offset) const { return last_ && offset < last_->offset; }

 private:
  std::optional<IndexEntry> last_;
};

/// An index of which single records are read: from a file by pread(2), or from memory. A query reads as many
/// as log2 of their number.
class LogIndex {
 public:
  /// An index without entries.
  LogIndex() = default;
  /// The open index `fd`, for the log with that inode. It is not closed here, and read anew at every query.
  LogIndex(int fd, std::uint64_t inode) : fd_(fd), inode_(inode) {}
  LogIndex(std::string_view bytes, std::uint64_t inode) : bytes_(bytes), inode_(inode) {}
  /// Returns the inode that the header names; nothing if it is not an index.
  static std::optional<std::uint64_t> inode_in(int fd);

  /// Returns the number of whole entries; 0 if the header is not that of this log.
  std::uint64_t count() const;
  /// Returns nothing if it is unreadable.
  std::optional<IndexEntry> entry(std::uint64_t number) const;
  /// Returns the number of the first entry whose time is `time` or later; count() if there is none.
  std::uint64_t first_since(WallTime time) const;
  /// Returns the number of the first entry whose offset is beyond this one; count() if there is none.
  std::uint64_t first_beyond(std::uint64_t offset) const;

  /// For a writer that continues: the number of valid bytes, and the last entry. 0 bytes: the index must
  /// begin anew.
  std::uint64_t good_bytes() const;
  std::optional<IndexEntry> last() const;

 private:
  bool read(std::uint64_t at, IndexRecord& into) const;
  /// Returns the number of whole entries that it has room for.
  std::uint64_t room() const;
  template <class Before>
  std::uint64_t bisect(Before before) const;

  int fd_ = -1;
  std::string_view bytes_;
  std::uint64_t inode_ = 0;
};

}  // namespace keeper
