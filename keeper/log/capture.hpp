// The reading end of a child's output pipe.
//
// Passive about meaning. One pipe serves all runs of an app, and both streams where they are not kept apart,
// so the order is exact. Every run opens its own end (see spawn), and the keeper holds one too, so the pipe
// never reports its end: at an exit it is drained until it is empty.
//
// The content of the pipe is looked at by a copy in a second pipe (copy_pipe.hpp), and is taken only once it
// is stored: a keeper that is killed in between loses nothing. The pipe is of default
// size, grows while it is found full, and shrinks when it is quiet again: an ordinary user's allowance is
// 1,024 default pipes (pipe(7)).
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>

#include "keeper/log/copy_pipe.hpp"
#include "keeper/log/pace.hpp"
#include "keeper/log/piece.hpp"
#include "protocol/home/home.hpp"

namespace keeper {

/// A pipe for a child's output: both ends close-on-exec, the reading one non-blocking.
struct OutputPipe {
  Fd reading;
  Fd writing;
};
Result<OutputPipe> make_output_pipe();
/// The pipe that processes which an earlier keeper started write into, by its inode: both ends of it, opened
/// again through /proc. Nothing where none of them has it any more.
std::optional<OutputPipe> find_output_pipe(const std::vector<int>& pids, std::uint64_t inode);
/// The pipe of such a reading end, with a writing end of its own; nothing where none can be had.
std::optional<OutputPipe> output_pipe_of(Fd reading);
std::uint64_t inode_of(const Fd& pipe);

class Capture {
 public:
  /// What taking came to: nothing is left; there is more by now; what is left waits for what comes behind it;
  /// or nothing can be stored, and go_on() will be called.
  enum class Took { all, more, part, nothing };
  /// `there`: bytes in the pipe.
  using Take = std::function<Took(std::size_t there)>;
  /// Instead of how much is there: something, and nobody has asked how much. It was a line now and then so
  /// far, and what takes a page in one call has all of the next one too.
  static constexpr std::size_t kUnasked = ~std::size_t{0};

  /// Takes over the reading end and calls `take` from the loop whenever there is something, after a pause
  /// where it comes little and often. Errors: no descriptors.
  static Result<std::unique_ptr<Capture>> make(asio::io_context& io, Fd reading, CopyPipe second, Take take);
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  /// Bytes in the pipe.
  std::size_t waiting();
  /// Where what is in the pipe is to stay there for a while: whether its writer can go on meanwhile. The pipe
  /// grows for that.
  bool make_room();
  /// Copies what is in the pipe, at most `most` bytes, into the second pipe, which was empty. 0: there is
  /// nothing.
  std::size_t peek(std::size_t most) { return peek(most, waiting(), true); }
  /// The same where it is known how much is there at least. Not `whole`: a part of it will do.
  std::size_t peek(std::size_t most, std::size_t there, bool whole);
  /// The second pipe, to be read or spliced from: no more than was peeked, and all of it before the next
  /// peek.
  int copy() const { return second_.reading(); }
  /// The pipe itself, to be spliced from into a file (at most `waiting` bytes), or to be handed on.
  int pipe() const { return pipe_.get(); }
  void went(std::size_t bytes) { taken_ += bytes; }
  /// Discards so many bytes of the copy unread.
  void leave(std::size_t bytes) { second_.discard(bytes); }
  /// `stored` of the peeked bytes are taken from the pipe (see take_piece). The copy was read, or left.
  void took(std::size_t stored, PieceMark* mark = nullptr, std::uint8_t lines = 0);
  /// Another run begins to write: what the last one did to the pipe's size is undone.
  void begin_anew();
  /// Takes what there is outside of the loop, until nothing is left, nothing can be stored, or `most` bytes
  /// went through.
  void drain(std::size_t most);
  /// How many bytes were taken in this look.
  std::size_t taken() const { return taken_; }
  /// After Took::nothing.
  void go_on();

 private:
  Capture(asio::io_context& io, Fd reading, CopyPipe second, Take take);
  void wait();
  void look();
  void pause(Micros time);
  void grow();
  void pause_for_the_rest();
  void shrink_when_quiet();

  Fd pipe_;
  asio::posix::stream_descriptor waiter_;  ///< of the same descriptor, while the loop is to watch it
  Take take_;
  CopyPipe second_;
  std::size_t capacity_;
  std::size_t taken_ = 0;  ///< in this look
  bool grows_ = true;      ///< it has not tried since it was small
  bool comes_ = false;     ///< the next look
  bool seldom_ = false;    ///< the last look found little, and comes when there is something
  std::size_t part_ = 0;   ///< what was left for what comes behind it
  Micros part_pause_{0};
  Pace pace_;
  asio::steady_timer pause_;
  asio::steady_timer quiet_;
  bool quiet_waits_ = false;
  bool used_since_ = false;
};

}  // namespace keeper
