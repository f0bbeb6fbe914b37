// Reading a log from its files: the last lines in constant memory, and following it across rotations. Used by ctl
// (no keeper need live) and by the keeper for `logs`.
#pragma once
#include <string>
#include <vector>

#include "protocol/home/home.hpp"

namespace keeper {

/// Where the last `count` lines of an open file begin: an offset, found by reading backwards in blocks of 64 KiB. A last
/// line without newline counts as one.
Result<std::uint64_t> tail_offset(int fd, std::uint64_t count);

/// The last lines of a log: of PATH, and where that has too few, of PATH.1, PATH.2 ... before it. At most `most` bytes:
/// what is older is left out (`truncated`). A log that is not there yet has no lines.
struct Tail {
  std::vector<std::string> lines;  ///< without newline, oldest first
  std::uint64_t bytes = 0;         ///< size of PATH now
  bool truncated = false;
};
Result<Tail> read_tail(const std::string& path, std::uint64_t count, std::size_t most);

/// Follows PATH: gives every byte that is appended after a starting point, once, in order; across truncation (goes
/// on at the start), removal, rotation by rename (the rest of the old file first, then every backup between, then the
/// new file), and before the file exists. Woken by inotify(7) on the directory and the file; does not poll. Where no
/// inotify instance can be had (128 per user) it looks every 250 ms instead.
class LogFollower {
 public:
  /// Begins with the last `lines` lines (of the backups too where PATH has too few); at the end of the file for 0.
  static Result<LogFollower> open(std::string path, std::uint64_t lines);
  LogFollower(LogFollower&&) = default;
  LogFollower& operator=(LogFollower&&) = default;

  /// What is there now, at most `most` bytes; empty: nothing more for the moment. Errors: the system's.
  Result<std::string> read(std::size_t most);
  /// Descriptor to poll(2) for POLLIN before the next read; -1 where there is none (then wait 250 ms).
  int wait_fd() const { return inotify_.get(); }
  /// To be called when wait_fd() is readable: takes the events away.
  void drain_events();

 private:
  LogFollower() = default;
  std::string path_;
  Fd inotify_;
  Fd file_;
  std::uint64_t offset_ = 0;
  // private members are the implementer's
};

}  // namespace keeper
