// Readiness by a newline (s6: notification-fd): the child gets the writing end of a pipe under a number of
// its choice, writes any bytes into it, and is ready at the first newline.
//
// One is made before each spawn. Later bytes of the child are read and discarded: a program that keeps
// writing is neither stopped by a full pipe nor ended by SIGPIPE.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>

#include "protocol/base/fd.hpp"
#include "protocol/base/lifetime.hpp"
#include "protocol/base/result.hpp"

namespace keeper {

class NotifyFd {
 public:
  enum class Said {
    ready,   ///< a newline came
    closed,  ///< every copy of the writing end was closed before a newline came
  };
  using OnSaid = std::function<void(Said)>;

  /// Makes the pipe, both ends close-on-exec, and waits. Calls `on_said` at most once, from the loop; it may
  /// destroy this object. Errors: failed.
  static Result<std::unique_ptr<NotifyFd>> make(asio::io_context& io, OnSaid on_said);

  /// Continues with the reading end of an earlier process.
  static std::unique_ptr<NotifyFd> go_on(asio::io_context& io, Fd reading, OnSaid on_said);
  int reading() { return reading_.native_handle(); }

  /// The child's end. Valid until spawned().
  int writing() const { return writing_.get(); }
  /// The spawn was tried: the child has its own copy, or there is no child.
  void spawned() { writing_.reset(); }
  /// Reads what is available: at the end of a run, whose last output may be that newline. May call `on_said`.
  void drain();

 private:
  NotifyFd(asio::io_context& io, Fd reading, Fd writing, OnSaid on_said);
  void wait();
  bool take_bytes(int most);
  void say(Said said);

  asio::posix::stream_descriptor reading_;
  Fd writing_;
  OnSaid on_said_;
  Living living_;
};

}  // namespace keeper
