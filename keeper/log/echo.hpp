// The child's output on keeper's own stdout, for a keeper in the foreground.
//
// Whatever stdout is, it never makes the child or the keeper wait, and the descriptor that others share with
// us is not changed: a pipe or a terminal is opened again, non-blocking; a file cannot block; a socket is
// written with MSG_DONTWAIT. What nobody reads is kept up to a bound, then dropped and counted.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/home/home.hpp"

namespace keeper {

class Echo {
 public:
  /// `fd` stays the caller's.
  Echo(asio::io_context& io, int fd);

  void write(std::string_view bytes);
  /// Bytes that were dropped since the last call.
  std::uint64_t take_dropped();
  /// Puts out what is kept, for the end, when there is no loop any more: as long as somebody goes on reading,
  /// with pauses of at most `patience`.
  void finish(Millis patience);

 private:
  enum class Kind { plain, socket };
  ssize_t put(std::string_view bytes);
  void flush();
  void wait();

  Fd own_;  ///< ours alone, where it could be opened again
  int fd_;
  Kind kind_ = Kind::plain;
  bool pollable_ = false;
  bool broken_ = false;  ///< nobody is there any more
  bool waiting_ = false;
  std::string kept_;
  std::uint64_t dropped_ = 0;
  std::optional<asio::posix::stream_descriptor> waiter_;
};

}  // namespace keeper
