// When the lines of one file of a log were written: from its index, to the second, and exact through the
// times in the lines. Without an index, from the lines alone; without times in them, only the creation of the
// file and its last write are known.
#pragma once
#include <cstdint>
#include <optional>

#include "protocol/logs/chain.hpp"
#include "protocol/logs/index.hpp"
#include "protocol/logs/lines_in.hpp"

namespace keeper {

class LogTimes {
 public:
  /// `log` must outlive this object.
  explicit LogTimes(OpenLog& log);

  /// The places around a time (milliseconds since 1970): all before `sure_before` was written before it, all
  /// from `sure_since` on at it or later. Both are beginnings of lines. What lies between was written within
  /// a second of it, or, without an index (`rough`), at an unknown time.
  struct Around {
    std::uint64_t sure_before = 0;
    std::uint64_t sure_since = 0;
    bool rough = false;
  };
  Result<Around> around(std::int64_t ms);

  /// Returns a time that is not after any line in the file, if it is known.
  std::optional<std::int64_t> begins();

  /// Returns the time of the entry that a place belongs to; nothing without an index.
  std::optional<std::int64_t> at(std::uint64_t offset);

 private:
  struct Window {
    std::uint64_t low, high;        ///< offsets
    std::int64_t earliest, latest;  ///< a line with a time outside is not believed
  };
  Window window(std::int64_t ms, std::uint64_t size) const;
  std::optional<std::int64_t> believed(std::string_view line, const Window& window) const;
  Result<Around> narrow(Window window, std::int64_t ms);
  std::optional<std::int64_t> lines_say(std::uint64_t from);
  struct Stamped {
    LineAt line;
    std::int64_t ms;
  };
  Result<std::optional<Stamped>> next_stamped(LinesForward& lines, const Window& window) const;
  Done halve(Window& window, Around& around, std::int64_t ms);

  OpenLog& log_;
  Fd index_file_;
  LogIndex index_;
  bool indexed_ = false;          ///< the index has entries
  IndexEntry here_;               ///< the last result of at(),
  std::uint64_t here_until_ = 0;  ///< and the place up to which it is valid
};

}  // namespace keeper
