// Reading a log from its files: the last lines in constant memory, and following it across rotations. Used by
// ctl (no keeper need live) and by the keeper for `logs`.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/home/home.hpp"

namespace keeper {

/// Which file it is, how much is in it, and how old it is.
struct FileFacts {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t born = 0;  ///< nanoseconds since 1970; the last change where the file system does not know
  bool same_file(const FileFacts& other) const { return device == other.device && inode == other.inode; }
};

/// Where the last `count` lines of an open file begin: an offset, found by reading backwards in blocks of 64
/// KiB. A last line without newline counts as one.
Result<std::uint64_t> tail_offset(int fd, std::uint64_t count);

/// The last lines of a log: of PATH, and where that has too few, of PATH.1, PATH.2 ... before it. At most
/// `most` bytes, newlines counted: what is older is left out (`truncated`); where not even one line fits, it
/// is the end of that line. A log that is not there yet has no lines.
struct Tail {
  std::vector<std::string> lines;  ///< without newline, oldest first
  std::uint64_t bytes = 0;         ///< size of PATH now
  bool truncated = false;
};
Result<Tail> read_tail(const std::string& path, std::uint64_t count, std::size_t most);

/// Follows PATH: gives every byte that is appended after a starting point, once, in order; across truncation
/// (goes on at the start), removal, rotation by rename (the rest of the old file first, then every backup
/// between, then the new file), and before the file exists. Woken by inotify(7) on the directory and the
/// file; does not poll. Where no inotify instance can be had (128 per user) it looks every 250 ms instead. A
/// file that was rotated out of existence is followed by the oldest backup that was made after it. (A file
/// that is truncated and has grown beyond the old place before the next look cannot be told from one that
/// grew.)
class LogFollower {
 public:
  /// Begins with the last `lines` lines (of the backups too where PATH has too few); at the end of the file
  /// for 0.
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
  struct Watch {
    int number = -1;
    FileFacts file;
  };
  LogFollower() = default;
  Result<std::string> take(std::size_t most);
  void go_on_with(Fd file, const FileFacts& facts);
  void set_watches();
  bool watch_directory();
  bool watch_file(Watch& watch, const Fd& file, const FileFacts& facts);
  void unwatch(int& number);

  std::string path_;
  Fd inotify_;
  Fd file_;
  FileFacts facts_;           ///< of file_; before there is one, born when the following began
  std::uint64_t offset_ = 0;  ///< of the next byte in file_
  int directory_watch_ = -1;  ///< of the log's directory, or the nearest parent that exists
  bool directory_is_there_ = false;
  Watch file_watch_;
  Watch
      next_watch_;  ///< of a new file with nothing in it: until it has something, the old one may still grow
};

}  // namespace keeper
