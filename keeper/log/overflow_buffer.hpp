// What a log could not take: kept up to a bound, in order. Beyond it either the newest is dropped and
// counted, from the end of a whole line to the beginning of one, or (block) nothing more should be handed in.
//
// It is kept in memory that outlives this process: a file without a name (memfd_create(2)) whose descriptor
// the guard holds too. The next keeper goes on with it. Where such memory cannot be had (a limit of the size
// of files, setrlimit(2)) it is this process's own.
//
// A piece of output is kept first and taken out of its pipe afterwards. Until it is, the next keeper finds
// what was kept of it, and takes that back (begin_piece()).
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/home/home.hpp"

namespace keeper {

/// What is lost of an OverflowBuffer where this process and its guard are killed at once: what waits in it,
/// and what was dropped and is not said yet. Noted where it outlives both.
struct OverflowLoss {
  std::uint64_t bytes;
  bool in_line;  ///< their last line has no end

  std::uint64_t word() const { return bytes | std::uint64_t{in_line} << 63; }
  static OverflowLoss of(std::uint64_t word) { return {word & ~(std::uint64_t{1} << 63), word >> 63 != 0}; }
};

class OverflowBuffer {
 public:
  /// `most` bytes; `block`: what is handed in all the same is kept as well.
  OverflowBuffer(std::size_t most, bool block) : most_(most), block_(block) {}
  ~OverflowBuffer();
  OverflowBuffer(const OverflowBuffer&) = delete;
  OverflowBuffer& operator=(const OverflowBuffer&) = delete;

  // --- what outlives this process

  /// Called with the descriptor of the memory when there is one: at the first byte that is kept.
  void on_memory(std::function<void(int fd)> made) { on_memory_ = std::move(made); }
  /// Its descriptor; -1: there is none.
  int memory() const { return memory_ ? memory_.get() : -1; }
  /// Goes on with what an earlier keeper has kept there, before anything else is done. Rubbish is passed
  /// over.
  void take_over(Fd memory);
  /// OverflowLoss::word() is kept up to date there, until give_up(); null: nowhere.
  void note_in(std::uint64_t* word);
  /// So much is lost with an earlier keeper and its guard: it counts as dropped.
  void lose(OverflowLoss loss);

  /// What is kept until end_piece() is of one piece, which comes out of pipe number `pipe`. Nothing is sent
  /// meanwhile.
  void begin_piece(int pipe);
  void end_piece();
  /// The pipe of a piece that an earlier keeper had not ended.
  std::optional<int> open_piece() const;
  /// Nothing of that piece was kept: it comes again.
  void take_back_piece();

  /// Where in which file is going what is the oldest: from begin_sending() to sent().
  struct Sending {
    std::uint64_t inode;  ///< 0: it is not being sent
    std::uint64_t offset;
  };
  void begin_sending(std::uint64_t inode, std::uint64_t offset);
  Sending sending() const { return head_->sending; }

  // --- what waits

  std::size_t size() const;
  bool empty() const { return size() == 0; }
  /// Nothing more should be handed in.
  bool is_full() const { return block_ && size() >= most_; }
  /// All that waits, the oldest first.
  std::string_view rest() const;
  /// So many of them are written.
  void sent(std::size_t bytes);
  void clear();
  /// What waits is dropped, and so are `more` bytes that were not even handed in.
  void give_up(std::uint64_t more);

  /// Whole lines as far as there is room; the rest is dropped.
  void keep(std::string_view bytes);
  /// Until there is room, and a line begins.
  bool dropping() const { return head_->now.dropping; }
  /// While dropping, before more is kept or written: what is left of these bytes without the rest of a line
  /// whose beginning was dropped. Where there is room again it is dropping no longer.
  std::string_view go_on(std::string_view bytes);
  /// Bytes dropped since this was last asked.
  std::uint64_t take_unsaid();
  /// Since the beginning.
  std::uint64_t dropped() const { return dropped_; }

 private:
  struct Counts {
    std::uint64_t end;     ///< of what waits, from the beginning of the memory
    std::uint64_t unsaid;  ///< bytes dropped
    bool dropping;
    bool dropped_line_end;  ///< nothing of a line that was dropped is still to come
  };
  struct Head {
    std::uint64_t magic;
    std::uint64_t sent;  ///< where what waits begins
    Counts now;
    Counts before;        ///< a piece
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
  Head* head_ = &own_;  ///< in the mapped memory, where there is any
  std::uint64_t* word_ = nullptr;
  std::uint64_t dropped_ = 0;
};

}  // namespace keeper
