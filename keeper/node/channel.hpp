// A node program's channel to its keeper: a socket pair, of which the program has one end as descriptor
// NODE_CHANNEL_FD. What child_process.fork() gives a program it has here too: process.send(),
// process.on('message'), process.connected.
//
// A message is taken out of the socket after whoever is told of it has acted on it and recorded that: until
// then it is only looked at (MSG_PEEK), and the next keeper finds it where it was. One that is too long is
// thrown away piece by piece, which is recorded before the first piece goes. So nothing that a program sends
// stays in this process, and no keeper begins in the middle of a message.
//
// The program's node has a second descriptor, of our end: with it the channel lives on when guard and keeper
// are killed together, and whoever adopts the program fetches our end from there (pidfd_getfd(2)). Node marks
// it close-on-exec when it starts, and does not know it otherwise.
//
// A handle that a program sends along is never received here (protocol/home/discard.hpp).
//
// Passive: tells what comes, and sends what it is told to.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/home/home.hpp"
#include "protocol/wire/living.hpp"

namespace keeper {

/// What became of a line.
enum class Told {
  taken,    ///< it was acted on, and that is recorded
  no_room,  ///< for an answer: it is told again when there is
  later,    ///< it is told again after ask_again()
};

/// All are called from the loop, or from drain(). Any of them may let go of the channel.
struct ChannelHooks {
  /// A line has come.
  std::function<Told(std::string_view line)> line;
  /// The beginning of a message that is too long is thrown away; with false: the whole of it was. To be
  /// recorded.
  std::function<void(bool)> skips;
  /// A line was sent in part; with false: all of it was. To be recorded: nobody else can go on there.
  std::function<void(bool)> cut;
  /// The program has closed its end. Once.
  std::function<void()> closed;
};

class Channel {
 public:
  /// Makes the pair, both ends close-on-exec, ours non-blocking. Errors: failed (no descriptors).
  static Result<std::unique_ptr<Channel>> make(asio::io_context& io, std::size_t most, ChannelHooks hooks);
  /// Goes on with our end of an earlier keeper; `skips` is what its hook said last.
  static std::unique_ptr<Channel> go_on(asio::io_context& io, Fd own, bool skips, std::size_t most,
                                        ChannelHooks hooks);

  int descriptor() { return own_.native_handle(); }
  /// What the program gets. Valid until spawned().
  int programs_end() const { return theirs_.get(); }
  /// The spawn was tried: the program has its own copy, or there is no program. What comes is told from now
  /// on.
  void begin();
  /// Tells again of the line that was to be told later.
  void ask_again();
  /// What is there now, to its end: the last words of a run.
  void drain();
  /// Whether the program has not closed it.
  bool is_open() const { return !closed_; }
  /// Sends a line (without newline), and `fd` beside it. If the kernel takes a part of it, the rest follows
  /// within a second, or the channel ends. False if there is no room, as the program does not read or has not
  /// got all of the line before, or if there is nobody any more to read it.
  bool send(std::string_view line, int fd = -1);
  /// Ends it for everybody who has our end: the run is over. Nothing is told of what was sent and not read.
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
      news_;  ///< an epoll(7) of our end, while half a line is there
  Fd theirs_;
  bool skips_;
  std::size_t most_;
  ChannelHooks hooks_;
  bool closed_ = false;
  bool waits_ = false;    ///< to be asked again
  bool handles_ = false;  ///< came beside what was looked at
  std::string unsent_;    ///< of a line of which a part was sent
  asio::steady_timer late_;
  Living living_;
};

/// Our end, out of the process that runs the program, where it has number `fd` (pidfd_getfd(2)). Errors: no
/// permission to look into it, no such descriptor, or that is no socket.
Result<Fd> fetch_channel(int pidfd, int fd);

}  // namespace keeper
