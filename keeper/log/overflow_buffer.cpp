#include "keeper/log/overflow_buffer.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

namespace keeper {
namespace {

constexpr std::size_t kHead = 4096;        // bytes in front of the content: one page
constexpr std::size_t kStep = 256 * 1024;  // by which it grows

/// Keeps the compiler from moving stores across: after a kill the next keeper sees them in this order.
void in_this_order() {
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

/// Allocates pages for that range, so that no store through a mapping can fail.
bool allocate(int fd, std::size_t from, std::size_t end) {
  while (fallocate(fd, 0, static_cast<off_t>(from), static_cast<off_t>(end - from)) < 0)
    if (errno != EINTR) return false;
  return true;
}

}  // namespace

OverflowBuffer::~OverflowBuffer() {
  if (mapped_ != nullptr) munmap(mapped_, capacity_);
}

// --- memory

char* OverflowBuffer::bytes() const {
  return mapped_ + kHead;
}

/// If it fails, the old mapping stays.
bool OverflowBuffer::map(int fd, std::size_t size) {
  const int kind = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  void* made = mmap(nullptr, size, PROT_READ | PROT_WRITE, kind, fd, 0);
  if (made == MAP_FAILED) return false;
  auto* memory = static_cast<char*>(made);
  if (fd < 0) {
    std::memcpy(memory, head_, sizeof *head_);
    if (mapped_ != nullptr) std::memcpy(memory + kHead, bytes(), head_->now.end);
  }
  if (mapped_ != nullptr) munmap(mapped_, capacity_);
  mapped_ = memory;
  capacity_ = size;
  head_ = reinterpret_cast<Head*>(memory);
  return true;
}

bool OverflowBuffer::have_room_for(std::size_t more) {
  const std::size_t wanted = kHead + head_->now.end + more;
  return wanted <= capacity_ || grow((wanted + kStep - 1) / kStep * kStep);
}

bool OverflowBuffer::grow(std::size_t wanted) {
  const bool own = mapped_ != nullptr && !memory_;
  return (!own && grow_memory(wanted)) || leave_memory(wanted);
}

bool OverflowBuffer::grow_memory(std::size_t wanted) {
  Fd made;
  if (!memory_) made = Fd(memfd_create("keeper-log", MFD_CLOEXEC));
  const int fd = memory_ ? memory_.get() : made.get();
  if (fd < 0 || !allocate(fd, capacity_, wanted) || !map(fd, wanted)) return false;
  if (!made) return true;
  own_.magic = kMagic;
  own_.before = own_.now;
  *head_ = own_;
  memory_ = std::move(made);
  if (on_memory_) on_memory_(memory_.get());
  return true;
}

/// Moves the content into memory of this process, and makes the other memory invalid for the next keeper.
bool OverflowBuffer::leave_memory(std::size_t wanted) {
  Head* const before = memory_ ? head_ : nullptr;
  if (before == nullptr) return map(-1, wanted);
  const std::uint64_t magic = std::exchange(before->magic, 0);
  if (!map(-1, wanted)) {
    before->magic = magic;
    return false;
  }
  memory_.reset();
  return true;
}

/// Returns whether the memory (`size` bytes) has valid content.
bool OverflowBuffer::is_good(std::uint64_t size) const {
  auto inside = [&](const Counts& counts) { return counts.end <= size - kHead; };
  return head_->magic == kMagic && inside(head_->now) && (head_->piece == 0 || inside(head_->before));
}

void OverflowBuffer::take_over(Fd memory) {
  struct stat st {};
  if (!memory || fstat(memory.get(), &st) < 0 || static_cast<std::uint64_t>(st.st_size) < kHead) return;
  const auto size = static_cast<std::size_t>(st.st_size);
  if (!map(memory.get(), size)) return;
  memory_ = std::move(memory);
  if (!is_good(size)) {
    own_.magic = kMagic;
    *head_ = own_;
  }
  dropped_ = head_->now.unsaid;
}

void OverflowBuffer::note_in(std::uint64_t* word) {
  word_ = word;
  note();
}

void OverflowBuffer::note() {
  unnoted_ = head_->piece != 0;
  if (word_ == nullptr || unnoted_) return;
  const std::string_view waits = rest();
  const Counts& now = head_->now;
  const bool in_line = now.dropping ? !now.dropped_line_end : !waits.empty() && waits.back() != '\n';
  *word_ = OverflowLoss{waits.size() + now.unsaid, in_line}.word();
}

void OverflowBuffer::lose(OverflowLoss loss) {
  if (loss.bytes == 0) return;
  head_->now.unsaid += loss.bytes;
  dropped_ += loss.bytes;
  head_->now.dropping = true;
  head_->now.dropped_line_end = !loss.in_line;
}

// --- pieces

void OverflowBuffer::begin_piece(int pipe) {
  if (mapped_ != nullptr) head_->before = head_->now;  // else grow_memory() does it
  in_this_order();
  head_->piece = static_cast<std::uint64_t>(pipe) + 1;
  in_this_order();
}

void OverflowBuffer::end_piece() {
  in_this_order();
  head_->piece = 0;
  if (unnoted_) note();
}

std::optional<int> OverflowBuffer::open_piece() const {
  if (head_->piece == 0) return std::nullopt;
  return static_cast<int>(head_->piece - 1);
}

void OverflowBuffer::take_back_piece() {
  head_->now = head_->before;
  unnoted_ = true;
  end_piece();
}

// --- what waits

void OverflowBuffer::begin_sending(std::uint64_t inode, std::uint64_t offset) {
  head_->sending.offset = offset;
  in_this_order();
  head_->sending.inode = inode;
  in_this_order();
}

std::size_t OverflowBuffer::size() const {
  return head_->now.end > head_->sent ? head_->now.end - head_->sent : 0;
}

std::string_view OverflowBuffer::rest() const {
  return empty() ? std::string_view() : std::string_view(bytes() + head_->sent, size());
}

/// Returns whole pages to the system.
void OverflowBuffer::sent(std::size_t count) {
  in_this_order();
  const std::size_t from = head_->sent / kHead * kHead;
  head_->sent += count;
  in_this_order();
  head_->sending.inode = 0;
  if (empty()) return clear();
  if (const std::size_t gone = head_->sent / kHead * kHead - from; gone > 0)
    madvise(bytes() + from, gone, memory_ ? MADV_REMOVE : MADV_DONTNEED);
  note();
}

/// The end is reset before the beginning, so the content is empty from the first store on.
void OverflowBuffer::clear() {
  head_->now.end = 0;
  in_this_order();
  head_->sent = 0;
  head_->sending.inode = 0;
  note();
  if (capacity_ <= kHead) return;
  if (!memory_) return forget_own();
  [[maybe_unused]] const int cut = ftruncate(memory_.get(), kHead);
  munmap(mapped_ + kHead, capacity_ - kHead);
  capacity_ = kHead;
}

/// So that the next byte tries for memory that outlives this process.
void OverflowBuffer::forget_own() {
  own_ = *head_;
  head_ = &own_;
  munmap(std::exchange(mapped_, nullptr), std::exchange(capacity_, 0));
}

void OverflowBuffer::give_up(std::uint64_t more) {
  drop(rest());
  clear();
  head_->now.unsaid += more;
  dropped_ += more;
  if (word_ != nullptr) *std::exchange(word_, nullptr) = 0;  // the caller reports it
}

void OverflowBuffer::append(std::string_view text) {
  std::memcpy(bytes() + head_->now.end, text.data(), text.size());
  in_this_order();
  head_->now.end += text.size();
}

void OverflowBuffer::keep(std::string_view text) {
  if (text.empty()) return;
  const std::size_t room = most_ > size() ? most_ - size() : 0;
  std::size_t takes = text.size();
  if (!block_ && dropping()) takes = 0;
  if (!block_ && takes > room) takes = text.substr(0, room).rfind('\n') + 1;  // npos + 1: none
  if (takes > 0 && !have_room_for(takes)) takes = 0;
  if (takes > 0) append(text.substr(0, takes));
  if (takes < text.size()) {
    head_->now.dropping = true;
    drop(text.substr(takes));
  }
  note();
}

void OverflowBuffer::drop(std::string_view text) {
  if (!text.empty()) head_->now.dropped_line_end = text.back() == '\n';
  head_->now.unsaid += text.size();
  dropped_ += text.size();
}

std::string_view OverflowBuffer::go_on(std::string_view text) {
  if (size() > most_ / 2) return text;  // keep() drops them
  const bool line_end = head_->now.dropped_line_end;
  std::size_t end = line_end ? 0 : text.find('\n');
  std::size_t gone = line_end ? 0 : end == std::string_view::npos ? text.size() : end + 1;
  drop(text.substr(0, gone));
  head_->now.dropping = end == std::string_view::npos;
  note();
  return text.substr(gone);
}

std::uint64_t OverflowBuffer::take_unsaid() {
  const std::uint64_t out = std::exchange(head_->now.unsaid, 0);
  note();
  return out;
}

}  // namespace keeper
