// The index of a log's times: PATH.idx beside PATH, renamed along with it. Lets `ctl logs --since` begin in
// the middle of a file without reading what is before.
//
// A header of 16 bytes, then entries of 16, little endian:
//   "keeperi2"  u64 inode of the log file
//               an index that another file's name was taken over from is not believed
//   i64 ms since 1970  u64 offset
//               what begins at the offset was written then or later, all before it earlier
// A time of 0 has not been written yet: what is behind the last entry is room for more.
// The writer makes an entry before it writes bytes, at most one a second: what follows an entry up to the
// next one was written within a second. Times and offsets never go back: while a wall clock that was set back
// catches up there are no entries, and what is written then counts as written at the last of them. Where the
// log was truncated, the index begins anew.
//
// A reader may begin a little too early, never too late. Whatever the bytes are - torn, of another file,
// nonsense - the worst is that it begins at the start and ends at the end.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/home/home.hpp"
#include "protocol/wire/units.hpp"

namespace keeper {

/// The name of a log file's index: beside it, without ".gz".
std::string index_name(const std::string& log_name);
/// Opens it to be read; empty where there is none.
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
/// Into memory that is a file's, where who reads it meanwhile, or after this process was killed on the way,
/// finds it whole or not at all.
void store_index_record(char* at, const IndexRecord& record);

/// Says when the writer is to make an entry.
class IndexPace {
 public:
  /// A new index, or one whose last entry is given.
  explicit IndexPace(std::optional<IndexEntry> last = {}) : last_(last) {}

  /// Bytes are about to be written to the log at `offset`: the entry to write first, if there is to be one.
  /// One that cannot be written has to be written later as it is, or the index removed.
  std::optional<IndexEntry> next(WallTime now, std::uint64_t offset);
  /// Whether bytes at `offset` mean that the log was truncated: begin the index anew then, with IndexPace().
  bool truncated(std::uint64_t offset) const { return last_ && offset < last_->offset; }

 private:
  std::optional<IndexEntry> last_;
};

/// An index of which single records are read: from a file by pread(2), or from memory. A question looks at as
/// many as log2 of their number.
class LogIndex {
 public:
  /// Without entries.
  LogIndex() = default;
  /// The index that is open as `fd`, for the log with that inode. Not closed here, and read anew at every
  /// question.
  LogIndex(int fd, std::uint64_t inode) : fd_(fd), inode_(inode) {}
  LogIndex(std::string_view bytes, std::uint64_t inode) : bytes_(bytes), inode_(inode) {}
  /// The inode that the header names; nothing where it is no index.
  static std::optional<std::uint64_t> inode_in(int fd);

  /// How many whole entries are written; 0 where the header is not that of this log.
  std::uint64_t count() const;
  /// Nothing where it cannot be read.
  std::optional<IndexEntry> entry(std::uint64_t number) const;
  /// The number of the first entry whose time is `time` or later; count() if there is none.
  std::uint64_t first_since(WallTime time) const;
  /// The number of the first entry whose offset is beyond this one; count() if there is none.
  std::uint64_t first_beyond(std::uint64_t offset) const;

  /// For who goes on writing: how many bytes of it are good, and the last entry. 0 bytes: it has to begin
  /// anew.
  std::uint64_t good_bytes() const;
  std::optional<IndexEntry> last() const;

 private:
  bool read(std::uint64_t at, IndexRecord& into) const;
  /// How many whole entries it has room for.
  std::uint64_t room() const;
  template <class Before>
  std::uint64_t bisect(Before before) const;

  int fd_ = -1;
  std::string_view bytes_;
  std::uint64_t inode_ = 0;
};

}  // namespace keeper
