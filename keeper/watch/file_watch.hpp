// Watches one file by its path, as a process that opened it now would reach it, through all links
// (inotify(7)).
//
// Every directory on the way is watched for the one name in it that leads on, so the watch notices when the
// file is rewritten, when another is moved into its place, when a link changes its target, and when a
// directory is replaced. Passive except for the waiting: ignores other names, and reports a removed file only
// once there is one again. Without an inotify instance it looks at the file every two seconds.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "protocol/base/acting_as.hpp"
#include "protocol/base/file_mark.hpp"
#include "protocol/base/result.hpp"

namespace keeper {

class FileWatch {
 public:
  enum class By { events, looks };
  /// `path` is absolute. By::looks takes no inotify instance. `user`: null, or the user whose rights count if
  /// it may have chosen the target (file_place.hpp); must outlive this. Errors: failed (no such directory); a
  /// watch stays valid when a directory on the way is replaced.
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

  asio::posix::stream_descriptor fd_;  ///< closed: polling
  asio::steady_timer next_look_;
  std::string path_;
  std::function<void()> on_change_;
  const ActingUser* user_;
  std::map<int, std::set<std::string>> watches_;  ///< the names that matter in each directory
  FileMark last_;
};

/// Returns the directories, each with a name in it, that decide which file `path` is: one pair for every step
/// of the way, through symbolic links. A loop of links ends after 40 (path_resolution(7)).
std::set<std::pair<std::string, std::string>> places_of(const std::string& path);

}  // namespace keeper
