// Following a log across restarts, rotations and whatever else happens to its files.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/home/log_chain.hpp"

namespace keeper {

/// Follows PATH: gives every byte that is appended after a starting point, once, in order; across truncation
/// (goes on at the start), removal, rotation by rename (the rest of the old file first, then every backup
/// between, then the new file), and before the file exists. Woken by inotify(7) on the directory and the
/// file; does not poll. Where no inotify instance can be had (128 per user) it looks every 250 ms instead. A
/// file that was rotated out of existence is followed by the oldest backup that was made after it. (A file
/// that is truncated and has grown beyond the old place before the next look cannot be told from one that
/// grew.)
class LogFollower {
 public:
  /// A packed file of which not all can be read, or of which some is wrong.
  struct Damage {
    std::string name;
    GzDamage kind = GzDamage::none;
    std::uint64_t bytes = 0;  ///< that could be unpacked
  };
  /// Begins with the last `lines` lines (of the backups too where PATH has too few); at the end of the file
  /// for 0.
  static Result<LogFollower> open(std::string path, std::uint64_t lines);
  /// Begins at a place, or with what came after that file where it is gone. `watch`: no: for what is there
  /// only; nothing wakes it.
  enum class Watch { no, yes };
  static Result<LogFollower> open_at(std::string path, const LogSpot& spot, Watch watch);
  /// From now on files are opened with the rights of `user`, who outlives this; null: of this process.
  void act_as(const ActingUser* user) { user_ = user; }
  /// Nothing from `end` on is read until go_on().
  void stop_at(const LogSpot& end) { end_ = end; }
  void go_on() { end_.reset(); }
  /// Only looks whether the file is damaged at this place.
  void look_at(const LogSpot& place);
  /// Where there is no file yet: whatever comes from now on.
  static LogSpot now();
  LogFollower(LogFollower&&) = default;
  LogFollower& operator=(LogFollower&&) = default;

  /// What is there now, at most `most` bytes; empty: nothing more for the moment. Errors: the system's.
  Result<std::string> read(std::size_t most);
  /// Descriptor to poll(2) for POLLIN before the next read; -1 where there is none (then wait 250 ms).
  int wait_fd() const { return inotify_.get(); }
  /// To be called when wait_fd() is readable: takes the events away.
  void drain_events();
  /// The place behind what was read last.
  LogSpot spot() const { return {facts_, offset_}; }
  const std::string& path() const { return path_; }
  /// What was met since this was last asked.
  std::vector<Damage> take_damages() { return std::exchange(damages_, {}); }

 private:
  struct FileWatch {
    int number = -1;
    FileFacts file;
  };
  LogFollower() = default;
  Result<std::string> take(std::size_t most);
  void go_on_with(OpenLog log);
  bool look_for_damage();
  void set_watches();
  bool watch_directory();
  bool watch_file(FileWatch& watch, const LogContent& file, const FileFacts& facts);
  void unwatch(int& number);

  bool at_end() const { return end_ && end_->file.same_file(facts_) && offset_ >= end_->offset; }

  std::string path_;
  const ActingUser* user_ = nullptr;
  std::optional<LogSpot> end_;
  Fd inotify_;
  LogContent file_;
  char last_ = '\n';  ///< byte that was read
  std::string name_;  ///< of file_, when it was opened
  std::vector<Damage> damages_;
  FileFacts facts_;           ///< of file_; before there is one, born when the following began
  std::uint64_t offset_ = 0;  ///< of the next byte in file_
  int directory_watch_ = -1;  ///< of the log's directory, or the nearest parent that exists
  bool directory_is_there_ = false;
  FileWatch file_watch_;
  FileWatch
      next_watch_;  ///< of a new file with nothing in it: until it has something, the old one may still grow
};

}  // namespace keeper
