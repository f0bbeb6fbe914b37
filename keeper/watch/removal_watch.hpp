// Watches whether files stay in their places: reports which of them was removed, renamed, or got another mode
// or owner (inotify(7) on their inodes alone; IN_ATTRIB: an open or bound file loses a name). Passive: the
// caller looks at what has happened. One instance for all of them: an ordinary user has 128.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "protocol/base/fd.hpp"
#include "protocol/base/result.hpp"

namespace keeper {

class RemovalWatch {
 public:
  /// A watched file, by its watch descriptor; kAny: events were lost, and any file may be affected.
  using OnChange = std::function<void(int watch)>;
  static constexpr int kAny = -1;
  static constexpr int kNone = -1;  ///< no file

  /// Errors: failed (no inotify instance available).
  static Result<std::unique_ptr<RemovalWatch>> make(asio::io_context& io, OnChange on_change);
  /// Continues with the instance of an earlier process, and the files that it watched.
  RemovalWatch(asio::io_context& io, Fd instance, OnChange on_change);
  int descriptor() { return fd_.native_handle(); }

  /// Watches the file at the path, and not a link's target; returns the same number for a file that is
  /// watched already. kNone: it cannot be watched.
  int add(const std::string& path);
  /// Watches the open file.
  int add(int fd);
  void remove(int watch);

 private:
  void wait();
  void read_all();

  asio::posix::stream_descriptor fd_;
  OnChange on_change_;
};

}  // namespace keeper
