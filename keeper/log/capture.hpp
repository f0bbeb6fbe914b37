// The reading end of the child's output pipe.
//
// Passive about meaning: hands on bytes as they come. One pipe serves all runs of an app and both streams, so
// the order is exact. Every run opens its own end (see child_side), and the keeper holds one too, so the pipe
// never reports its end: at an exit it is drained until it is empty. What is not read yet waits in the pipe.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <string_view>

#include "protocol/home/home.hpp"

namespace keeper {

/// A pipe for a child's output: both ends close-on-exec, the reading one non-blocking.
struct OutputPipe {
  Fd reading;
  Fd writing;
};
Result<OutputPipe> make_output_pipe();

class Capture {
 public:
  using OnBytes = std::function<void(std::string_view)>;

  /// Takes over the reading end and calls `on_bytes` from the loop whenever there is something.
  Capture(asio::io_context& io, Fd reading, OnBytes on_bytes);
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  /// Reads what is there now, and hands it on. At most `most` bytes; false if more may be waiting.
  bool drain(std::size_t most);

 private:
  void wait();
  void give_back();

  asio::posix::stream_descriptor pipe_;
  OnBytes on_bytes_;
  char* buffer_;          ///< mapped, not allocated: its pages go back to the system when the child is quiet
  std::size_t used_ = 0;  ///< how far into it was ever read since then
};

}  // namespace keeper
