// A keeper's end of the line to its guard (guard_words.hpp).
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "keeper/survive/guard_words.hpp"
#include "protocol/home/home.hpp"

namespace keeper {

/// All from the loop.
struct GuardHooks {
  std::function<void()> news;  ///< there is something in the inbox
  std::function<void()> lost;  ///< once: the guard is gone
  std::function<void(const std::string& name, GuardWord::Kept kept)> answered;  ///< to put()
  std::function<void()> settled;  ///< it has answered to all that it was handed
  std::function<void()> silent;   ///< it has not answered for 2 s to what it was handed
};

class GuardLink {
 public:
  GuardLink(asio::io_context& io, int socket, GuardHooks hooks);
  /// Leaves the descriptor open: there may be a last word to say.
  ~GuardLink();
  GuardLink(const GuardLink&) = delete;
  GuardLink& operator=(const GuardLink&) = delete;

  /// The guard holds this descriptor too from now on, under that name (at most 19 bytes; what had it before
  /// is let go): it hears all that its keeper has said before that one's end counts. Its answer is not waited
  /// for, which would be two changes of process for each start. Errors: it is gone.
  Done put(const std::string& name, int fd);
  /// Waits for its answers to all of that, a second at most. Errors: it is gone or silent.
  Done settle();
  /// Whether its answer to a put() of that name is still to come.
  bool awaits(const std::string& name) const;
  /// Names of descriptors whose answers are to come, once it has been silent for 2 s; else nothing.
  std::vector<std::string> overdue() const;
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
  void heard(const GuardWord& word);
  void expect_answer();

  asio::posix::stream_descriptor socket_;
  int pid_;
  GuardHooks hooks_;
  std::deque<std::string> unanswered_;  ///< names that were put
  asio::steady_timer deadline_;         ///< of the next answer; runs only while one is to come
  bool silent_ = false;                 ///< the deadline has passed
};

/// All is done: when this process has ended, its guard ends with this code. The last word.
void leave_guard(int socket, int code);

}  // namespace keeper
