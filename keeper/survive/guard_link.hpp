// A keeper's end of the line to its guard (guard_words.hpp).
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <string>
#include <vector>

#include "keeper/survive/guard_words.hpp"
#include "protocol/base/result.hpp"

namespace keeper {

/// All are called from the loop.
struct GuardHooks {
  std::function<void()> news;                                                   ///< the inbox has entries
  std::function<void()> lost;                                                   ///< once: the guard is gone
  std::function<void(const std::string& name, GuardWord::Kept kept)> answered;  ///< to put()
  std::function<void()> settled;  ///< it has replied to all descriptors
  std::function<void()> silent;   ///< it has not replied to a descriptor for 2 s
};

class GuardLink {
 public:
  GuardLink(asio::io_context& io, int socket, GuardHooks hooks);
  /// Leaves the descriptor open: a last message may follow.
  ~GuardLink();
  GuardLink(const GuardLink&) = delete;
  GuardLink& operator=(const GuardLink&) = delete;

  /// Makes the guard hold this descriptor too, under that name (at most 19 bytes; closes the former one of
  /// that name): the guard reads all messages of its keeper before it handles the keeper's end. Does not wait
  /// for its reply, which would be two context switches for each start. Errors: it is gone.
  Done put(const std::string& name, int fd);
  /// Waits for its replies to all of these, a second at most. Errors: it is gone or silent.
  Done settle();
  /// Returns whether its reply to a put() of that name is due.
  bool awaits(const std::string& name) const;
  /// Returns the names of descriptors without a reply once it has been silent for 2 s; else nothing.
  std::vector<std::string> overdue() const;
  void drop(const std::string& name);
  /// Reports that this keeper has taken over from its predecessor.
  void up();
  /// Returns whether the guard is gone, though on_lost was not called yet.
  bool lost();
  /// Reports that the inbox, which was full, was read.
  void room();
  /// Announces the end of this keeper; the next one runs the program file at `path` (less than 1024 bytes).
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
  std::list<std::string> unanswered_;  ///< names that were put; an empty deque takes 600 bytes
  asio::steady_timer deadline_;        ///< of the next reply; runs only while one is due
  bool silent_ = false;                ///< the deadline has passed
};

/// The last message: when this process has ended, its guard ends with this code.
void leave_guard(int socket, int code);

}  // namespace keeper
