// The piece of output that is being written into a log, marked in memory that outlives this process: so the
// next keeper knows which bytes of the pipe are in the file already.
//
// Bytes are copied, written, and then taken out of the pipe. A mark says which of these is being done, and is
// gone when the bytes are. If a mark is left after the end of a keeper, the file tells how much of the piece
// was written, and the second pipe (copy_pipe.hpp) how much was taken.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>

#include "keeper/log/copy_pipe.hpp"
#include "protocol/home/acting_as.hpp"

namespace keeper {

struct PieceMark {
  enum Kind : std::uint8_t {
    none,
    copied,  ///< `bytes` of the pipe go into the file as they are
    made,    ///< some bytes of it go in as lines that are made of them
    stored,  ///< `bytes` of the pipe are in the log, and are to be taken out of it
    taking,  ///< the same; those of them that are taken already are in the second pipe
  };
  std::uint64_t inode;   ///< of the file,
  std::uint64_t offset;  ///< and where in it the piece begins
  /// One word, because it changes at once: `bytes` in its lower half; above them 8 bits of `kind` and 8 of
  /// `lines`. A mark of an earlier version has 0 as `lines`.
  std::atomic<std::uint64_t> word;
  std::uint64_t waits;  ///< OverflowLoss::word() of what waits for the log; of the first pipe into it

  std::uint32_t bytes() const { return static_cast<std::uint32_t>(word); }
  Kind kind() const { return static_cast<Kind>(word >> 32); }
  /// LineFormatter::state() before the piece where it is `copied` or `made`, and else behind it.
  std::uint8_t lines() const { return static_cast<std::uint8_t>(word >> 40); }
  void set(Kind kind, std::size_t bytes, std::uint8_t lines);
};

// For each of them: no mark, no piece.

/// Marks a piece before it is written: `copied` or `made`.
void begin_piece(PieceMark* mark, PieceMark::Kind kind, std::uint64_t inode, std::uint64_t offset,
                 std::size_t bytes);
/// Takes `bytes` of a piece that is in the log out of the pipe, and ends it. The second pipe is empty, before
/// and afterwards. `lines`: LineFormatter::state() behind it.
void take_piece(PieceMark* mark, int pipe, CopyPipe& second, std::size_t bytes, std::uint8_t lines);
/// There is no piece.
void end_piece(PieceMark* mark, std::uint8_t lines);

/// The number of bytes behind `offset` in the file with that inode: the log at `path` or one of its backups.
/// 0 if there is no such file.
std::uint64_t bytes_behind(const std::string& path, const ActingUser* user, std::uint64_t inode,
                           std::uint64_t offset);

/// Brings the log at `path` and its pipe (non-blocking) to where both agree, and empties the second one. A
/// `copied` piece is taken out of the pipe as far as the file has it, a `stored` one as far as it was not
/// taken. The mark of a `made` one stays: it is to be made again, and written where it was begun. If it has
/// led to rotations it is cut off its file, and the files that it went on in are emptied. If it cannot be
/// known what was taken, nothing more is: it is written twice. Whether there was anything to do. `user`:
/// whose rights count at the path (protocol/home/file_place.hpp).
bool settle_piece(PieceMark& mark, const std::string& path, int pipe, CopyPipe& second,
                  const ActingUser* user = nullptr);

}  // namespace keeper
