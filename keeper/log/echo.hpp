// Copies the child's output to keeper's own stdout, for a keeper in the foreground.
//
// No kind of stdout makes the child or the keeper wait, and the descriptor that other processes share is not
// changed: a pipe or a terminal is reopened, non-blocking; a file cannot block; a socket is written with
// MSG_DONTWAIT. Output that is not read is kept up to a bound, then dropped and counted.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/fd.hpp"
#include "protocol/base/units.hpp"

namespace keeper {

class Echo {
 public:
  /// `fd` stays owned by the caller.
  Echo(asio::io_context& io, int fd);

  void write(std::string_view bytes);
  /// Returns the bytes that were dropped since the last call.
  std::uint64_t take_dropped();
  /// Writes the kept output at the end, when there is no loop any more: as long as a reader continues, with
  /// pauses of at most `patience`.
  void finish(Millis patience);

 private:
  enum class Kind { plain, socket };
  ssize_t put(std::string_view bytes);
  void flush();
  void wait();

  Fd own_;  ///< ours alone, if it could be reopened
  int fd_;
  Kind kind_ = Kind::plain;
  bool pollable_ = false;
  bool broken_ = false;  ///< the reader is gone
  bool waiting_ = false;
  std::string kept_;
  std::uint64_t dropped_ = 0;
  std::optional<asio::posix::stream_descriptor> waiter_;
};

}  // namespace keeper
