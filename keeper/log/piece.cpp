#include "keeper/log/piece.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "protocol/base/file_place.hpp"

namespace keeper {
namespace {

/// Opens for writing; none and errno on failure.
Fd open_number(const FilePlace& log, int number) {
  const std::string name = log.base() + (number == 0 ? "" : "." + std::to_string(number));
  return open_beside(log, name, O_RDWR | O_NONBLOCK | O_NOCTTY);
}

/// Opens the file of that inode: the log, or the backup that it has become if the piece has led to rotations.
/// One of the later files may be in the middle of a rename.
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

/// The files after `number` contain only the piece. They keep their names: a reader of the log takes a
/// missing name for its end. A file that cannot be emptied has lines that will be there twice; none is
/// missing.
void empty_younger(const FilePlace& log, int number) {
  while (--number >= 0)
    if (Fd file = open_number(log, number)) [[maybe_unused]]
      const int emptied = ftruncate(file.get(), 0);
}

/// Removes the rest of it from the pipe: all except the content of a second pipe of the dead keeper.
void settle_stored(PieceMark& mark, int pipe, CopyPipe& second) {
  const bool known = mark.kind() == PieceMark::stored || second.outlived();
  const std::size_t taken = mark.kind() == PieceMark::taking ? second.waiting() : 0;
  const std::size_t left = known ? mark.bytes() - std::min<std::size_t>(taken, mark.bytes()) : 0;
  mark.set(PieceMark::stored, left, mark.lines());
  second.discard(second.waiting());
  take_piece(&mark, pipe, second, left, mark.lines());
}

/// Cuts a piece that an earlier version has led to rotations. Begins with the youngest file, so that a
/// successor after a death in here finds the piece's first file unchanged.
void cut_off(const PieceMark& mark, const FilePlace& log, const Fd& file, int number) {
  empty_younger(log, number);
  [[maybe_unused]] const int cut = ftruncate(file.get(), static_cast<off_t>(mark.offset));
}

}  // namespace

/// One store, across which the compiler moves nothing.
void PieceMark::set(Kind kind, std::size_t bytes, std::uint8_t lines) {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  word.store(static_cast<std::uint32_t>(bytes) | std::uint64_t{kind} << 32 | std::uint64_t{lines} << 40,
             std::memory_order_release);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

void begin_piece(PieceMark* mark, PieceMark::Kind kind, std::uint64_t inode, std::uint64_t offset,
                 std::size_t bytes) {
  if (mark == nullptr) return;
  mark->inode = inode;
  mark->offset = offset;
  mark->set(kind, bytes, mark->lines());
}

void take_piece(PieceMark* mark, int pipe, CopyPipe& second, std::size_t bytes, std::uint8_t lines) {
  while (bytes > 0) {
    if (mark != nullptr) mark->set(PieceMark::taking, bytes, lines);
    const std::size_t moved = second.move(pipe, bytes);
    if (moved == 0) read_away(pipe, std::exchange(bytes, 0));  // the rest would be in the log twice
    bytes -= std::min(moved, bytes);
    if (mark != nullptr && bytes > 0) mark->set(PieceMark::stored, bytes, lines);
    if (bytes == 0) end_piece(mark, lines);
    second.discard(moved);
  }
  end_piece(mark, lines);
}

void end_piece(PieceMark* mark, std::uint8_t lines) {
  if (mark != nullptr) mark->set(PieceMark::none, 0, lines);
}

std::uint64_t bytes_behind(const std::string& path, const ActingUser* user, std::uint64_t inode,
                           std::uint64_t offset) {
  int number = 0;
  const auto log = find_place(path, user);
  const Fd file = log ? open_inode(*log, inode, number) : Fd();
  struct stat st {};
  if (!file || fstat(file.get(), &st) < 0) return 0;
  const auto size = static_cast<std::uint64_t>(st.st_size);
  return size > offset ? size - offset : 0;
}

bool settle_piece(PieceMark& mark, const std::string& path, int pipe, CopyPipe& second,
                  const ActingUser* user) {
  const PieceMark::Kind kind = mark.kind();
  if (kind == PieceMark::stored || kind == PieceMark::taking) {
    settle_stored(mark, pipe, second);
    return true;
  }
  second.discard(second.waiting());
  if (kind == PieceMark::none) return false;
  int number = 0;
  const auto log = find_place(path, user);
  Fd file = log ? open_inode(*log, mark.inode, number) : Fd();
  struct stat st {};
  const bool there = file && fstat(file.get(), &st) == 0;
  const std::uint64_t size = there ? static_cast<std::uint64_t>(st.st_size) : 0;
  const bool reaches = there && size >= mark.offset;
  if (kind == PieceMark::made && reaches && number == 0) return true;
  if (kind == PieceMark::made && reaches) cut_off(mark, *log, file, number);
  const std::uint64_t written = kind == PieceMark::copied && reaches ? size - mark.offset : 0;
  take_piece(&mark, pipe, second, std::min<std::uint64_t>(written, mark.bytes()), mark.lines());
  return true;
}

}  // namespace keeper
