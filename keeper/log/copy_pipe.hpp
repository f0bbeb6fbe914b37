// The second pipe beside a program's output pipe. Output is copied from the first into the second for
// inspection (tee(2), which copies no bytes). Stored output is moved into the second: its content tells how
// much of a piece has left the first.
//
// The guard holds its reading end too: the next keeper finds what its predecessor has moved.
#pragma once
#include <cstddef>

#include "protocol/base/fd.hpp"
#include "protocol/base/result.hpp"

namespace keeper {

class CopyPipe {
 public:
  static constexpr std::size_t kPage = 4096;  ///< bytes of its capacity when it is made

  /// Errors: no descriptors.
  static Result<CopyPipe> make();
  /// Opens the pipe of an earlier keeper by its reading end. Errors: no descriptors.
  static Result<CopyPipe> of(Fd reading);

  int reading() const { return reading_.get(); }
  /// Returns whether it has outlived the keeper that made it.
  bool outlived() const { return outlived_; }
  /// The capacity in bytes if they fill whole pages.
  std::size_t capacity() const { return capacity_; }
  /// Changes the capacity if the system permits it.
  void resize(std::size_t wanted);
  /// Bytes in it.
  std::size_t waiting() const;

  /// Copies at most `most` bytes from a pipe, which keeps them. Returns how many; 0: there are none.
  std::size_t copy(int from, std::size_t most);
  /// Moves at most `most` bytes from a pipe, by one system call that moves all of them, if there is room, or
  /// none. Returns how many; 0: none can be moved.
  std::size_t move(int from, std::size_t most);
  /// Discards that many bytes of its content.
  void discard(std::size_t bytes);

 private:
  CopyPipe() = default;
  static Result<CopyPipe> with(Fd reading, Fd writing);

  Fd reading_;
  Fd writing_;
  Fd null_;
  std::size_t capacity_ = 0;
  bool outlived_ = false;
};

/// Reads and discards that many bytes of a non-blocking pipe.
void read_away(int pipe, std::size_t bytes);

}  // namespace keeper
