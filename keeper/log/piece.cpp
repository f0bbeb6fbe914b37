#include "keeper/log/piece.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "protocol/home/home.hpp"

namespace keeper {
namespace {

void take_out(int pipe, std::uint64_t bytes) {
  char chunk[16 * 1024];
  while (bytes > 0) {
    const ssize_t got = read(pipe, chunk, std::min<std::uint64_t>(bytes, sizeof chunk));
    if (got <= 0) return;
    bytes -= static_cast<std::uint64_t>(got);
  }
}

/// The file of that inode: the log, or its first backup where the piece has led to a rotation.
Fd open_inode(const std::string& path, std::uint64_t inode, bool& rotated) {
  for (const char* suffix : {"", ".1"}) {
    Fd file(open((path + suffix).c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat st {};
    rotated = *suffix != '\0';
    if (file && fstat(file.get(), &st) == 0 && S_ISREG(st.st_mode) && st.st_ino == inode) return file;
  }
  return {};
}

}  // namespace

void begin_piece(PieceMark* mark, PieceMark::Kind kind, std::uint64_t inode, std::uint64_t offset,
                 std::size_t bytes) {
  if (mark == nullptr) return;
  mark->inode = inode;
  mark->offset = offset;
  mark->bytes = static_cast<std::uint32_t>(bytes);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  mark->kind = kind;
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

void end_piece(PieceMark* mark) {
  if (mark == nullptr) return;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  mark->kind = PieceMark::none;
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

bool settle_piece(PieceMark& mark, const std::string& path, int pipe) {
  if (mark.kind == PieceMark::none) return false;
  bool rotated = false;
  Fd file = open_inode(path, mark.inode, rotated);
  struct stat st {};
  const bool there = file && fstat(file.get(), &st) == 0;
  const std::uint64_t size = there ? static_cast<std::uint64_t>(st.st_size) : 0;
  if (there && mark.kind == PieceMark::copied && size > mark.offset)
    take_out(pipe, std::min<std::uint64_t>(size - mark.offset, mark.bytes));
  if (there && mark.kind == PieceMark::made && size >= mark.offset) {
    // The next file has nothing but this piece.
    if (ftruncate(file.get(), static_cast<off_t>(mark.offset)) == 0 && rotated &&
        truncate(path.c_str(), 0) < 0)
      rotated = false;  // then lines stand there twice, and none is missing
  }
  end_piece(&mark);
  return true;
}

}  // namespace keeper
