// A keeper's end of the line to its guard (guard_words.hpp).
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <string>

#include "protocol/home/home.hpp"

namespace keeper {

class GuardLink {
 public:
  /// `on_news`: there is something in the inbox. `on_lost`, once: the guard is gone. Both from the loop.
  GuardLink(asio::io_context& io, int socket, std::function<void()> on_news, std::function<void()> on_lost);
  /// Leaves the descriptor open: there may be a last word to say.
  ~GuardLink();
  GuardLink(const GuardLink&) = delete;
  GuardLink& operator=(const GuardLink&) = delete;

  /// The guard holds this descriptor too from now on, under that name (at most 19 bytes; what had it before
  /// is let go). Waits until it says so, a second at most. Errors: it is gone or has no room (64).
  Done put(const std::string& name, int fd);
  void drop(const std::string& name);
  /// This keeper goes on where the one before it was.
  void up();
  /// Whether the guard is gone, though on_lost was not called yet.
  bool lost();
  /// The inbox was read when it was full.
  void room();
  /// This keeper ends now; the next one runs the program file at `path` (less than 1024 bytes).
  Done renew(const std::string& path);
  /// The guard's process.
  int pid() const { return pid_; }

 private:
  void wait();
  bool take();

  asio::posix::stream_descriptor socket_;
  int pid_;
  std::function<void()> on_news_;
  std::function<void()> on_lost_;
};

/// All is done: when this process has ended, its guard ends with this code. The last word.
void leave_guard(int socket, int code);

}  // namespace keeper
