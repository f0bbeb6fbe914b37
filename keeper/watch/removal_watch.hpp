// Whether one file is still where it was: reports once when it was removed, renamed, or got another mode or
// owner (inotify(7) on its inode alone, IN_ATTRIB: a bound socket has a name less then). Passive: what has
// happened is for others to look at.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "protocol/home/home.hpp"

namespace keeper {

class RemovalWatch {
 public:
  /// Of the file itself, not of what a link leads to. Errors: failed (no inotify instance to be had: an
  /// ordinary user has 128; or there is no such file).
  static Result<std::unique_ptr<RemovalWatch>> make(asio::io_context& io, const std::string& path,
                                                    std::function<void()> on_change);
  /// Goes on with the instance of an earlier process: what has happened since is reported.
  RemovalWatch(asio::io_context& io, Fd instance, std::function<void()> on_change);
  int descriptor() { return fd_.native_handle(); }

 private:
  asio::posix::stream_descriptor fd_;
  std::function<void()> on_change_;
};

}  // namespace keeper
