// A node program's channel to its keeper: a socket pair, whose one end the program has as descriptor
// NODE_CHANNEL_FD. It offers what child_process.fork() gives a program: process.send(),
// process.on('message'), process.connected.
//
// A message is taken out of the socket after its receiver has acted on it and recorded that: until then it is
// only peeked at (MSG_PEEK), and the next keeper finds it in its place. A message that is too long is
// discarded piece by piece, which is recorded before the first piece. So no message of a program stays in
// this process, and no keeper begins in the middle of a message.
//
// The program's node has a second descriptor, of our end: it keeps the channel alive when guard and keeper
// are killed together, and an adopter of the program fetches our end from there (pidfd_getfd(2)). Node marks
// it close-on-exec when it starts, and does not use it otherwise.
//
// A handle that a program sends along is never received here (protocol/base/discard.hpp).
//
// Passive: reports what comes, and sends on request.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/fd.hpp"
#include "protocol/base/lifetime.hpp"
#include "protocol/base/result.hpp"

namespace keeper {

/// The outcome of a line.
enum class Told {
  taken,    ///< it was acted on, and that is recorded
  no_room,  ///< for a reply: the line is passed again when there is room
  later,    ///< it is passed again after ask_again()
};

/// All are called from the loop, or from drain(). Any of them may destroy the channel.
struct ChannelHooks {
  /// A line has come.
  std::function<Told(std::string_view line)> line;
  /// The beginning of a message that is too long is discarded; false: the whole message was. Must be
  /// recorded.
  std::function<void(bool)> skips;
  /// A line was sent in part; false: all of it was. Must be recorded: a successor cannot continue there.
  std::function<void(bool)> cut;
  /// The program has closed its end. Called once.
  std::function<void()> closed;
};

class Channel {
 public:
  /// Makes the pair, both ends close-on-exec, ours non-blocking. Errors: failed (no descriptors).
  static Result<std::unique_ptr<Channel>> make(asio::io_context& io, std::size_t most, ChannelHooks hooks);
  /// Continues with our end of an earlier keeper; `skips`: the last argument of its hook.
  static std::unique_ptr<Channel> go_on(asio::io_context& io, Fd own, bool skips, std::size_t most,
                                        ChannelHooks hooks);

  int descriptor() { return own_.native_handle(); }
  /// The program's end. Valid until spawned().
  int programs_end() const { return theirs_.get(); }
  /// The spawn was tried: the program has its own copy, or there is no program. Lines are reported from now
  /// on.
  void begin();
  /// Passes the line again that was to be passed later.
  void ask_again();
  /// Reads all that is available, to its end: the last words of a run.
  void drain();
  /// The program has not closed it.
  bool is_open() const { return !closed_; }
  /// Sends a line (without newline), and `fd` beside it. If the kernel takes a part of it, the rest follows
  /// within a second, or the channel ends. Returns false if there is no room, because the program does not
  /// read or has not received all of the line before, or if no process is left to read it.
  bool send(std::string_view line, int fd = -1);
  /// Ends it for every process that has our end: the run is over. Discards unread messages.
  void end();

 private:
  Channel(asio::io_context& io, Fd own, Fd theirs, bool skips, std::size_t most, ChannelHooks hooks);
  void wait();
  void wait_for_more();
  void wait_for_room();
  void go_on_reading();
  enum class Left { nothing, part, no_room, later, more, gone };
  Left take_lines();
  Left throw_away(std::string& seen);
  std::string look(bool& end);
  bool take(std::size_t bytes);
  bool has_room(std::size_t bytes);
  void finish_sending();
  void wait_for_the_rest();
  void close_up();

  asio::posix::stream_descriptor own_;
  std::optional<asio::posix::stream_descriptor>
      news_;  ///< an epoll(7) of our end, while half a line is in it
  Fd theirs_;
  bool skips_;
  std::size_t most_;
  ChannelHooks hooks_;
  bool closed_ = false;
  bool waits_ = false;    ///< a line is to be passed again
  bool handles_ = false;  ///< came beside the peeked bytes
  std::string unsent_;    ///< the rest of a line that was sent in part
  asio::steady_timer late_;
  Living living_;
};

/// Fetches our end from the process that runs the program, where it has number `fd` (pidfd_getfd(2)). Errors:
/// no permission to inspect it, no such descriptor, or it is not a socket.
Result<Fd> fetch_channel(int pidfd, int fd);

}  // namespace keeper
