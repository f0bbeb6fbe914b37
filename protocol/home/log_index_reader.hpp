// Reading the index of a log: which time which place of the file belongs to. PATH.idx stands beside PATH,
// PATH.1.idx beside PATH.1 and beside PATH.1.gz.
//
//   16 bytes   "keeperi1", and the inode of the log as u64
//   16 bytes   each entry: milliseconds since 1970 as i64, an offset in the (unpacked) log as u64
//
// All little endian. What begins at an entry's offset was written at its time or later, what stands before it
// was written before. There is at most one entry a second, made for the first bytes that come in it: so what
// lies between an entry and the next was written within one second. Found by bisecting with pread(2); nothing
// is held in memory.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "protocol/home/home.hpp"
#include "protocol/wire/units.hpp"

namespace keeper {

struct TimeOfPlace {
  std::int64_t ms = 0;
  std::uint64_t offset = 0;
};

class LogIndexReader {
 public:
  /// No index: one without entries. `inode` of the log; an index that was made for another is not believed.
  /// 0: it belongs to whatever stands beside it.
  static LogIndexReader open(const std::string& name, std::uint64_t inode);

  std::uint64_t count() const { return count_; }
  /// Nothing where it cannot be read.
  std::optional<TimeOfPlace> entry(std::uint64_t number) const;
  /// The number of the first entry whose time is `ms` or later; count() if there is none.
  std::uint64_t first_since(std::int64_t ms) const;
  /// The number of the first entry whose offset is beyond this one; count() if there is none.
  std::uint64_t first_beyond(std::uint64_t offset) const;

 private:
  template <class Before>
  std::uint64_t bisect(Before before) const;

  Fd fd_;
  std::uint64_t count_ = 0;
};

/// The inode that an index names; 0 if it cannot be read.
std::uint64_t log_inode_of_index(const std::string& name);

}  // namespace keeper
