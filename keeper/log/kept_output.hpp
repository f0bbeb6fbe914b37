// What a log could not take: kept in memory up to a bound, in order. Beyond it either the newest is dropped
// and counted, from the end of a whole line to the beginning of one, or (block) nothing more should be handed
// in.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace keeper {

class KeptOutput {
 public:
  /// `most` bytes; `block`: what is handed in all the same is kept as well.
  KeptOutput(std::size_t most, bool block) : most_(most), block_(block) {}

  std::size_t size() const { return bytes_.size() - sent_; }
  bool empty() const { return size() == 0; }
  /// Nothing more should be handed in.
  bool is_full() const { return block_ && size() >= most_; }
  /// All that waits, the oldest first.
  std::string_view rest() const { return std::string_view(bytes_).substr(sent_); }
  /// So many of them are written.
  void sent(std::size_t bytes);
  void clear();
  /// What waits is dropped, and so are `more` bytes that were not even handed in.
  void give_up(std::uint64_t more);

  /// Whole lines as far as there is room; the rest is dropped.
  void keep(std::string_view bytes);
  /// Until there is room, and a line begins.
  bool dropping() const { return dropping_; }
  /// While dropping, before more is kept or written: what is left of these bytes without the rest of a line
  /// whose beginning was dropped. Where there is room again it is dropping no longer.
  std::string_view go_on(std::string_view bytes);
  /// Bytes dropped since this was last asked.
  std::uint64_t take_unsaid();
  /// Since the beginning.
  std::uint64_t dropped() const { return dropped_; }

 private:
  void drop(std::string_view bytes);

  std::size_t most_;
  bool block_;
  std::string bytes_;  ///< from sent_ on
  std::size_t sent_ = 0;
  bool dropping_ = false;
  bool dropped_line_end_ = false;  ///< nothing of a line that was dropped is still to come
  std::uint64_t unsaid_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace keeper
