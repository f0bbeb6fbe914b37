// One file by its path, as whoever would open it now: followed through every link on the way (inotify(7)).
//
// Every directory on the way is watched for the one name in it that leads on, so it is seen when the file is
// rewritten, when another is moved into its place, when a link is set to point elsewhere, and when a
// directory is replaced. Passive but for the waiting: nothing is decided here, what happens to other names is
// passed over, and a file that is gone is no change until there is one again. Without an inotify instance the
// file is looked at every two seconds instead.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "protocol/home/acting_as.hpp"
#include "protocol/home/file_mark.hpp"
#include "protocol/wire/result.hpp"

namespace keeper {

class FileWatch {
 public:
  enum class By { events, looks };
  /// `path` is absolute. By::looks takes no inotify instance. `user`: null, or whose rights count where that
  /// user may have chosen what the path leads to (file_place.hpp); has to outlive it. Errors: failed (no such
  /// directory); a watch that was made goes on when a directory on the way is replaced.
  static Result<std::unique_ptr<FileWatch>> make(asio::io_context& io, std::string path, By by,
                                                 std::function<void()> on_change,
                                                 const ActingUser* user = nullptr);
  const std::string& path() const { return path_; }

 private:
  FileWatch(asio::io_context& io, std::string path, std::function<void()> on_change, const ActingUser* user);
  const ActingUser* rights() const;
  Result<bool> watch_all();
  void wait();
  void look_later();
  bool take_events(bool& concerned);
  bool concerns(const void* event) const;
  void look();
  bool look_has_changed();

  asio::posix::stream_descriptor fd_;  ///< closed: looks
  asio::steady_timer next_look_;
  std::string path_;
  std::function<void()> on_change_;
  const ActingUser* user_;
  std::map<int, std::set<std::string>> watches_;  ///< the names that matter in each directory
  FileMark last_;
};

/// The directories, each with a name in it, that decide which file `path` is: one pair for every step of the
/// way, through symbolic links. A loop of links ends after 40 (path_resolution(7)).
std::set<std::pair<std::string, std::string>> places_of(const std::string& path);

}  // namespace keeper
