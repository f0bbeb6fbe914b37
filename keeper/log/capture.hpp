// The reading end of a child's output pipe.
//
// Passive about meaning. One pipe serves all runs of an app, and both streams if they are not kept apart, so
// the order is exact. Every run opens its own end (see spawn), and the keeper holds one too, so the pipe
// never reports its end: at an exit it is drained until it is empty.
//
// The content of the pipe is inspected in a copy in a second pipe (copy_pipe.hpp), and removed only once it
// is stored: a keeper that is killed in between loses nothing. The pipe has the default size, grows while it
// is found full, and shrinks when it is quiet again: an ordinary user may have 1,024 default pipes (pipe(7)).
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <optional>

#include "keeper/log/copy_pipe.hpp"
#include "keeper/log/pace.hpp"
#include "keeper/log/piece.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/result.hpp"

namespace keeper {

/// A pipe for a child's output: both ends close-on-exec, the reading one non-blocking.
struct OutputPipe {
  Fd reading;
  Fd writing;
};
Result<OutputPipe> make_output_pipe();
/// Finds the pipe into which processes of an earlier keeper write, by its inode: both ends of it, reopened
/// through /proc. Nothing if none of them has it any more.
std::optional<OutputPipe> find_output_pipe(const std::vector<int>& pids, std::uint64_t inode);
/// Returns the pipe of a reading end, with a writing end of its own; nothing if that cannot be opened.
std::optional<OutputPipe> output_pipe_of(Fd reading);
std::uint64_t inode_of(const Fd& pipe);

class Capture {
 public:
  /// The result of taking: nothing remains; more has come meanwhile; the rest waits for what follows it; or
  /// nothing can be stored, and go_on() will be called.
  enum class Took { all, more, part, nothing };
  /// `there`: bytes in the pipe.
  using Take = std::function<Took(std::size_t there)>;
  /// Passed instead of a byte count when FIONREAD was skipped: recent reads were small, so one page-sized
  /// read takes everything.
  static constexpr std::size_t kUnasked = ~std::size_t{0};

  /// Takes over the reading end and calls `take` from the loop whenever bytes have come, after a pause if
  /// they come little and often. Errors: no descriptors.
  static Result<std::unique_ptr<Capture>> make(asio::io_context& io, Fd reading, CopyPipe second, Take take);
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  /// Bytes in the pipe.
  std::size_t waiting();
  /// Returns whether the writer can continue although the content stays in the pipe for a while. Enlarges the
  /// pipe for that.
  bool make_room();
  /// Copies at most `most` bytes of the pipe into the second pipe, which must be empty. Returns 0 if the pipe
  /// is empty.
  std::size_t peek(std::size_t most) { return peek(most, waiting(), true); }
  /// Does the same if the caller has a lower bound of the content. Not `whole`: a part is enough.
  std::size_t peek(std::size_t most, std::size_t there, bool whole);
  /// Returns the second pipe, to be read or spliced from: no more than was peeked, and all of it before the
  /// next peek.
  int copy() const { return second_.reading(); }
  /// Returns the pipe itself, to be spliced into a file (at most `waiting` bytes), or to be passed on.
  int pipe() const { return pipe_.get(); }
  void went(std::size_t bytes) { taken_ += bytes; }
  /// Discards that many bytes of the copy.
  void leave(std::size_t bytes) { second_.discard(bytes); }
  /// Removes `stored` of the peeked bytes from the pipe (see take_piece). The copy was read, or left.
  void took(std::size_t stored, PieceMark* mark = nullptr, std::uint8_t lines = 0);
  /// Resets the pipe's size, which the last run may have changed, when another run begins to write.
  void begin_anew();
  /// Takes the content outside of the loop, until nothing is left, nothing can be stored, or `most` bytes
  /// were taken.
  void drain(std::size_t most);
  /// Returns how many bytes this look has taken.
  std::size_t taken() const { return taken_; }
  /// To be called after Took::nothing.
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
  asio::posix::stream_descriptor waiter_;  ///< of the same descriptor, while the loop watches it
  Take take_;
  CopyPipe second_;
  std::size_t capacity_;
  std::size_t taken_ = 0;  ///< in this look
  bool grows_ = true;      ///< it has not tried to grow since it was small
  bool comes_ = false;     ///< the next look is scheduled
  bool seldom_ = false;    ///< the last look found little; the next one is at the next byte
  std::size_t part_ = 0;   ///< bytes that wait for what follows them
  Micros part_pause_{0};
  Pace pace_;
  asio::steady_timer pause_;
  asio::steady_timer quiet_;
  bool quiet_waits_ = false;
  bool used_since_ = false;
};

}  // namespace keeper
