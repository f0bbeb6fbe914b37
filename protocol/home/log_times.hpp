// When the lines of one file of a log were written: from its index, which knows it to the second, made exact
// by what lines say of themselves. Where there is no index, from what lines say alone; where they say
// nothing, all that is known is when the file was made, and when it was written to last.
#pragma once
#include <cstdint>
#include <optional>

#include "protocol/home/log_chain.hpp"
#include "protocol/home/log_index.hpp"
#include "protocol/home/log_lines_in.hpp"

namespace keeper {

class LogTimes {
 public:
  /// `log` must live as long.
  explicit LogTimes(OpenLog& log);

  /// What was written around a time (milliseconds since 1970): all before `sure_before` was written before
  /// it, all from `sure_since` on was written at it or later. Both are beginnings of lines. What lies between
  /// was written within a second of it, or, without an index (`rough`), nobody knows when.
  struct Around {
    std::uint64_t sure_before = 0;
    std::uint64_t sure_since = 0;
    bool rough = false;
  };
  Result<Around> around(std::int64_t ms);

  /// Nothing in the file is older than this, if that is known.
  std::optional<std::int64_t> begins();

  /// The time of the entry that a place belongs to; nothing without an index.
  std::optional<std::int64_t> at(std::uint64_t offset);

 private:
  struct Window {
    std::uint64_t low, high;        ///< offsets
    std::int64_t earliest, latest;  ///< a line that says something else is not believed
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
  bool indexed_ = false;          ///< there are entries
  IndexEntry here_;               ///< what at() found last,
  std::uint64_t here_until_ = 0;  ///< and up to where it is good
};

}  // namespace keeper
