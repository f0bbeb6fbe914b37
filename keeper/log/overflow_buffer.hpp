// Output that a log file did not take, in order, up to a bound. Beyond the bound either the newest output is
// dropped and counted, in whole lines, or (block) the caller should hand in nothing more.
//
// The bytes are in a file without a name (memfd_create(2)) whose descriptor the guard holds too, so they
// outlive this process, and the next keeper continues with them. If there is no such memory (RLIMIT_FSIZE
// counts for it, setrlimit(2)), the buffer uses memory of this process.
//
// A piece of output is kept first, and removed from its pipe afterwards. If the keeper is killed in between,
// the next one removes the piece from the buffer, because it is still in the pipe (begin_piece()).
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/fd.hpp"

namespace keeper {

/// The output that is lost if this process and its guard are killed at once: the bytes of an OverflowBuffer,
/// and those that were dropped and not reported yet. It is noted in memory that outlives both.
struct OverflowLoss {
  std::uint64_t bytes;
  bool in_line;  ///< their last line has no end

  std::uint64_t word() const { return bytes | std::uint64_t{in_line} << 63; }
  static OverflowLoss of(std::uint64_t word) { return {word & ~(std::uint64_t{1} << 63), word >> 63 != 0}; }
};

class OverflowBuffer {
 public:
  /// `most`: bytes. `block`: bytes beyond that are kept too if they are handed in.
  OverflowBuffer(std::size_t most, bool block) : most_(most), block_(block) {}
  ~OverflowBuffer();
  OverflowBuffer(const OverflowBuffer&) = delete;
  OverflowBuffer& operator=(const OverflowBuffer&) = delete;

  // --- content that outlives this process

  /// `made` is called with the descriptor of the memory when it is made, at the first byte that is kept.
  void on_memory(std::function<void(int fd)> made) { on_memory_ = std::move(made); }
  /// The descriptor of the memory, or -1.
  int memory() const { return memory_ ? memory_.get() : -1; }
  /// Continues with the bytes that an earlier keeper has kept in `memory`; to be called before anything else.
  /// Invalid content is ignored.
  void take_over(Fd memory);
  /// Keeps OverflowLoss::word() up to date in `word` until give_up(); null: nowhere.
  void note_in(std::uint64_t* word);
  /// Counts output as dropped that was lost with an earlier keeper and its guard.
  void lose(OverflowLoss loss);

  /// Bytes kept until end_piece() belong to one piece, from pipe number `pipe`. Nothing is sent meanwhile.
  void begin_piece(int pipe);
  void end_piece();
  /// The pipe number of a piece that an earlier keeper had begun and not ended.
  std::optional<int> open_piece() const;
  /// Removes the bytes of that piece.
  void take_back_piece();

  /// The file and the offset to which the oldest bytes are being written, from begin_sending() to sent().
  struct Sending {
    std::uint64_t inode;  ///< 0: nothing is being written
    std::uint64_t offset;
  };
  void begin_sending(std::uint64_t inode, std::uint64_t offset);
  Sending sending() const { return head_->sending; }

  // --- content

  std::size_t size() const;
  bool empty() const { return size() == 0; }
  /// The caller should hand in nothing more.
  bool is_full() const { return block_ && size() >= most_; }
  /// The content, oldest bytes first; valid until the next change.
  std::string_view rest() const;
  /// Removes the oldest `bytes`: they are in the file.
  void sent(std::size_t bytes);
  void clear();
  /// Drops the content, and counts it and `more` bytes that were never handed in.
  void give_up(std::uint64_t more);

  /// Keeps whole lines up to the bound, and drops the rest.
  void keep(std::string_view bytes);
  /// Output is being dropped: until there is room and a line begins.
  bool dropping() const { return head_->now.dropping; }
  /// To be called with new output while dropping: drops the rest of a line whose beginning was dropped, and
  /// returns what is behind it. Ends the dropping if there is room.
  std::string_view go_on(std::string_view bytes);
  /// Bytes dropped since the last call.
  std::uint64_t take_unsaid();
  /// Bytes dropped since the keeper began.
  std::uint64_t dropped() const { return dropped_; }

 private:
  struct Counts {
    std::uint64_t end;     ///< where the content ends; an offset in the memory
    std::uint64_t unsaid;  ///< bytes dropped
    bool dropping;
    bool dropped_line_end;  ///< the last dropped byte ended a line
  };
  struct Head {
    std::uint64_t magic;
    std::uint64_t sent;  ///< where the content begins
    Counts now;
    Counts before;        ///< at begin_piece()
    std::uint64_t piece;  ///< number of its pipe, from 1 on; 0: none
    Sending sending;
  };
  static constexpr std::uint64_t kMagic = 0x31776f6c667265ull;  // "erflow1"

  bool is_good(std::uint64_t size) const;
  bool have_room_for(std::size_t bytes);
  bool grow(std::size_t wanted);
  bool grow_memory(std::size_t wanted);
  bool leave_memory(std::size_t wanted);
  bool map(int fd, std::size_t bytes);
  void forget_own();
  char* bytes() const;
  void append(std::string_view bytes);
  void drop(std::string_view bytes);
  void note();

  std::size_t most_;
  bool block_;
  std::function<void(int)> on_memory_;
  Fd memory_;
  char* mapped_ = nullptr;
  std::size_t capacity_ = 0;  ///< bytes that are mapped
  Head own_{};
  Head* head_ = &own_;  ///< in the mapped memory, if there is any
  std::uint64_t* word_ = nullptr;
  bool unnoted_ = false;  ///< the content has changed since the word was written
  std::uint64_t dropped_ = 0;
};

}  // namespace keeper
