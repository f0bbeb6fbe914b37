// Whether files are still where they were: tells which of them was removed, renamed, or got another mode or
// owner (inotify(7) on their inodes alone; IN_ATTRIB: a file that is open, or bound, has a name less then).
// Passive: what has happened is for others to look at. One instance for all of them: an ordinary user has
// 128.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "protocol/home/home.hpp"

namespace keeper {

class RemovalWatch {
 public:
  /// A watched file, by its watch descriptor; kAny: so much has happened that it is not known to which.
  using OnChange = std::function<void(int watch)>;
  static constexpr int kAny = -1;
  static constexpr int kNone = -1;  ///< no file

  /// Errors: failed (no inotify instance to be had).
  static Result<std::unique_ptr<RemovalWatch>> make(asio::io_context& io, OnChange on_change);
  /// Goes on with the instance of an earlier process, and the files that it watched.
  RemovalWatch(asio::io_context& io, Fd instance, OnChange on_change);
  int descriptor() { return fd_.native_handle(); }

  /// Watches the file that is at the path, not what a link leads to; the same number again for one that it
  /// watches already. kNone: it cannot.
  int add(const std::string& path);
  /// The one that is open.
  int add(int fd);
  void remove(int watch);

 private:
  void wait();
  void read_all();

  asio::posix::stream_descriptor fd_;
  OnChange on_change_;
};

}  // namespace keeper
