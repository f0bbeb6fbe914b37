#include "keeper/log/piece.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string>
#include <utility>

#include "protocol/home/file_place.hpp"

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

/// For writing; none and errno.
Fd open_number(const FilePlace& log, int number) {
  const std::string name = log.base() + (number == 0 ? "" : "." + std::to_string(number));
  return open_beside(log, name, O_RDWR | O_NONBLOCK | O_NOCTTY);
}

/// The file of that inode: the log, or the backup that it has become where the piece has led to rotations.
/// Of those after it one may be on the way to its new name.
Fd open_inode(const FilePlace& log, std::uint64_t inode, int& number) {
  constexpr int kMost = 1000;
  int missing = 0;
  for (number = 0; number < kMost && missing < 2; ++number) {
    Fd file = open_number(log, number);
    missing = !file && errno == ENOENT ? missing + 1 : 0;
    struct stat st {};
    if (file && fstat(file.get(), &st) == 0 && S_ISREG(st.st_mode) && st.st_ino == inode) return file;
  }
  return {};
}

/// The files after `number` have nothing but the piece. They keep their names: whoever reads the log takes a
/// name that is missing for its end. One that cannot be emptied has lines that will stand there twice; none
/// is missing.
void empty_younger(const FilePlace& log, int number) {
  while (--number >= 0)
    if (Fd file = open_number(log, number)) [[maybe_unused]]
      const int emptied = ftruncate(file.get(), 0);
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

bool settle_piece(PieceMark& mark, const std::string& path, int pipe, const ActingUser* user) {
  if (mark.kind == PieceMark::none) return false;
  int number = 0;
  const auto log = find_place(path, user);
  Fd file = log ? open_inode(*log, mark.inode, number) : Fd();
  struct stat st {};
  const bool there = file && fstat(file.get(), &st) == 0;
  const std::uint64_t size = there ? static_cast<std::uint64_t>(st.st_size) : 0;
  if (there && mark.kind == PieceMark::copied && size > mark.offset)
    take_out(pipe, std::min<std::uint64_t>(size - mark.offset, mark.bytes));
  // The youngest first, so that whoever goes on after a death in here finds the piece's first file as it was.
  if (there && mark.kind == PieceMark::made && size >= mark.offset) {
    empty_younger(*log, number);
    [[maybe_unused]] const int cut = ftruncate(file.get(), static_cast<off_t>(mark.offset));
  }
  end_piece(&mark);
  return true;
}

}  // namespace keeper
