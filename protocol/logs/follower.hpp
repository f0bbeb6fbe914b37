// Follows a log across restarts, rotations and other changes of its files.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/base/acting_as.hpp"
#include "protocol/logs/chain.hpp"

namespace keeper {

/// Follows PATH: returns every byte that is appended after a starting point, once, in order; across
/// truncation (continues at the start), removal, rotation by rename (the rest of the old file, then every
/// backup between, then the new file), and before the file exists. inotify(7) on the directory and the file
/// wakes it; it does not poll. If no inotify instance is available (128 per user), it looks every 250 ms. The
/// successor of a file that rotation removed is the oldest backup that was made after it. (A file that is
/// truncated and has grown past the old place before the next look cannot be told from one that grew.)
class LogFollower {
 public:
  /// The damage of a packed file.
  struct Damage {
    std::string name;
    GzDamage kind = GzDamage::none;
    std::uint64_t bytes = 0;  ///< number of bytes that could be unpacked
  };
  /// Begins with the last `lines` lines (also of the backups if PATH has too few); at the end of the file for
  /// 0.
  static Result<LogFollower> open(std::string path, std::uint64_t lines);
  /// Begins at a place, or after that file if it is gone. `watch` no: only reads what is there; nothing wakes
  /// the caller.
  enum class Watch { no, yes };
  static Result<LogFollower> open_at(std::string path, const LogSpot& spot, Watch watch);
  /// Opens files with the rights of `user` from now on, who must outlive this; null: this process's own.
  void act_as(const ActingUser* user) { user_ = user; }
  /// Reads nothing from `end` on until go_on().
  void stop_at(const LogSpot& end) { end_ = end; }
  void go_on() { end_.reset(); }
  /// Only checks whether the file is damaged at this place.
  void look_at(const LogSpot& place);
  /// The place for a log without a file: everything that is written from now on.
  static LogSpot now();
  LogFollower(LogFollower&&) = default;
  LogFollower& operator=(LogFollower&&) = default;

  /// Returns the available bytes, at most `most`; empty: nothing more for the moment. Errors: the system's.
  Result<std::string> read(std::size_t most);
  /// Returns the descriptor to poll(2) for POLLIN before the next read; -1: none (then wait 250 ms).
  int wait_fd() const { return inotify_.get(); }
  /// Removes the pending events; to be called when wait_fd() is readable.
  void drain_events();
  /// The place after the last byte that was read.
  LogSpot spot() const { return {facts_, offset_}; }
  const std::string& path() const { return path_; }
  /// Returns the damages since the last call.
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
  char last_ = '\n';  ///< the last byte that was read
  std::string name_;  ///< of file_, at the time of opening
  std::vector<Damage> damages_;
  FileFacts facts_;           ///< of file_; without a file, born is the time at which the following began
  std::uint64_t offset_ = 0;  ///< of the next byte in file_
  int directory_watch_ = -1;  ///< of the log's directory, or the nearest parent that exists
  bool directory_is_there_ = false;
  FileWatch file_watch_;
  FileWatch next_watch_;  ///< of a new file without content: until it has some, the old one may still grow
};

}  // namespace keeper
