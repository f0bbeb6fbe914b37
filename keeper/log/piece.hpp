// Marks the piece of output that is being written into a log, in memory that outlives this process, so that
// the next keeper knows which bytes of the pipe are in the file already.
//
// Bytes are copied, written, and then removed from the pipe. The mark tells which of these is in progress,
// and is cleared when the bytes are removed. If a mark is left after the end of a keeper, the file tells how
// much of the piece was written, and the second pipe (copy_pipe.hpp) how much was removed.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>

#include "keeper/log/copy_pipe.hpp"
#include "protocol/base/acting_as.hpp"

namespace keeper {

struct PieceMark {
  enum Kind : std::uint8_t {
    none,
    copied,  ///< `bytes` of the pipe go into the file as they are
    made,    ///< some bytes go in as lines that are made of them
    stored,  ///< `bytes` of the pipe are in the log, and must be removed from it
    taking,  ///< the same; those that are removed already are in the second pipe
  };
  std::uint64_t inode;   ///< of the file,
  std::uint64_t offset;  ///< and where in it the piece begins
  /// One word, because it changes atomically: `bytes` in its lower half; above them 8 bits of `kind` and 8 of
  /// `lines`. A mark of an earlier version has 0 as `lines`.
  std::atomic<std::uint64_t> word;
  std::uint64_t waits;  ///< OverflowLoss::word() of the log's waiting output; in the first pipe's mark

  std::uint32_t bytes() const { return static_cast<std::uint32_t>(word); }
  Kind kind() const { return static_cast<Kind>(word >> 32); }
  /// LineFormatter::state() before a `copied` or `made` piece, else after it.
  std::uint8_t lines() const { return static_cast<std::uint8_t>(word >> 40); }
  void set(Kind kind, std::size_t bytes, std::uint8_t lines);
};

// For all of these: a null mark means that nothing is marked.

/// Marks a piece before it is written: `copied` or `made`.
void begin_piece(PieceMark* mark, PieceMark::Kind kind, std::uint64_t inode, std::uint64_t offset,
                 std::size_t bytes);
/// Removes `bytes` of a piece that is in the log from the pipe, and ends it. The second pipe is empty before
/// and afterwards. `lines`: LineFormatter::state() after it.
void take_piece(PieceMark* mark, int pipe, CopyPipe& second, std::size_t bytes, std::uint8_t lines);
/// Clears the mark.
void end_piece(PieceMark* mark, std::uint8_t lines);

/// Returns the number of bytes after `offset` in the file with that inode: the log at `path` or one of its
/// backups. 0 if there is no such file.
std::uint64_t bytes_behind(const std::string& path, const ActingUser* user, std::uint64_t inode,
                           std::uint64_t offset);

/// Makes the log at `path` and its pipe (non-blocking) consistent, and empties the second one. Removes a
/// `copied` piece from the pipe as far as the file has it, a `stored` one as far as it was not removed. Keeps
/// the mark of a `made` one: it must be made again, and written at its old place. If it has led to rotations,
/// cuts it off its file, and empties the later files. If it is unknown how much was removed, removes nothing
/// more: the piece is written twice. Returns whether there was anything to do. `user`: its rights count at
/// the path (protocol/base/file_place.hpp).
bool settle_piece(PieceMark& mark, const std::string& path, int pipe, CopyPipe& second,
                  const ActingUser* user = nullptr);

}  // namespace keeper
