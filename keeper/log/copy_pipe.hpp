// The second pipe beside a program's output pipe. Output is copied from the first into the second to be
// looked at (tee(2), which copies no bytes). Output that is stored is moved into the second: its content
// tells how much of a piece has left the first.
//
// The guard holds its reading end too: the next keeper finds what the one before has moved.
#pragma once
#include <cstddef>

#include "protocol/home/home.hpp"

namespace keeper {

class CopyPipe {
 public:
  static constexpr std::size_t kPage = 4096;  ///< bytes of its capacity when it is made

  /// Errors: no descriptors.
  static Result<CopyPipe> make();
  /// The pipe of an earlier keeper, by its reading end. Errors: no descriptors.
  static Result<CopyPipe> of(Fd reading);

  int reading() const { return reading_.get(); }
  /// Whether it has outlived the keeper that made it.
  bool outlived() const { return outlived_; }
  /// Bytes, if they stand in whole pages.
  std::size_t capacity() const { return capacity_; }
  /// Changes the capacity where the system permits it.
  void resize(std::size_t wanted);
  /// Bytes in it.
  std::size_t waiting() const;

  /// Copies at most `most` bytes from a pipe, which keeps them. Returns how many; 0: there are none.
  std::size_t copy(int from, std::size_t most);
  /// Moves at most `most` bytes from a pipe, by one system call that moves all of them or none of them where
  /// there is room. How many; 0: none can be moved.
  std::size_t move(int from, std::size_t most);
  /// Discards so many bytes of what is in it.
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

/// Reads so many bytes from a non-blocking pipe, and forgets them.
void read_away(int pipe, std::size_t bytes);

}  // namespace keeper
