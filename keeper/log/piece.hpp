// What is being written into a log just now, in memory that outlives this process: so that whoever goes on
// knows which bytes of the pipe are in the file already.
//
// Bytes are copied, written, and then taken out of the pipe. A mark is made before they are written and
// removed when they are taken. Where there is one after the end of a keeper, the file tells how far it came.
#pragma once
#include <cstdint>
#include <string>

#include "protocol/home/acting_as.hpp"

namespace keeper {

struct PieceMark {
  enum Kind : std::uint32_t {
    none,
    copied,  ///< `bytes` of the pipe go into the file as they are, by one splice after the other
    made,    ///< they go in as lines that were made of them, perhaps into the next files too
  };
  std::uint64_t inode;   ///< of the file,
  std::uint64_t offset;  ///< and where in it the piece begins
  std::uint32_t bytes;
  Kind kind;  ///< written last
};

void begin_piece(PieceMark* mark, PieceMark::Kind kind, std::uint64_t inode, std::uint64_t offset,
                 std::size_t bytes);
void end_piece(PieceMark* mark);

/// Brings the log at `path` and its pipe (non-blocking) to where both agree: of a `copied` piece what the
/// file has is taken out of the pipe; a `made` one is cut off the file, and the files that it went on in
/// after rotations are emptied, to be made again. Whether there was anything to do.
/// `user`: whose rights count at the path (protocol/home/file_place.hpp).
bool settle_piece(PieceMark& mark, const std::string& path, int pipe, const ActingUser* user = nullptr);

}  // namespace keeper
