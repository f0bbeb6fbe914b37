// Cuts output into lines, however it arrives: what a line-wise format begins with.
//
// A line is any bytes up to a newline; a carriage return, a NUL and what is no UTF-8 belong to it. A line
// that is whole in the bytes of one call is given as a view of them, without a copy; only what waits for its
// end is kept: at most `most` bytes.
//
// A line that cannot be given in one piece comes in several, none cut within a UTF-8 character, and each says
// so:
//   partial    its line goes on: the newline has not come (or the line is longer than `most`)
//   continued  it is not the beginning of its line: what stands before was given already
// A long line is {partial}, {continued, partial}, ..., {continued}. Pieces put together are the line again:
// where the newline comes right after a partial piece, an empty continued one follows.
//
// Pure: who feeds it decides when a partial line has waited long enough (flush) and when a run is over (end).
#pragma once
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/wire/json_text.hpp"

namespace keeper {

/// A line, or a piece of one, without its newline. The bytes are good until the next call of who gave it.
struct LinePiece {
  std::string_view bytes;
  bool partial = false;
  bool continued = false;
  bool operator==(const LinePiece&) const = default;
};

class LineSplitter {
 public:
  static constexpr std::size_t kMostLine = 64 << 10;

  explicit LineSplitter(std::size_t most = kMostLine) : most_(most) {}

  /// Calls `take(LinePiece)` for every line that ends in `bytes`, and for every full piece of one that does
  /// not. What is left waits.
  template <class Take>
  void feed(std::string_view bytes, Take&& take) {
    feed(bytes, take, [] { return false; });
  }
  /// The same until `enough()`, which is asked behind each line. How many bytes were looked at.
  template <class Take, class Enough>
  std::size_t feed(std::string_view bytes, Take&& take, Enough&& enough) {
    const std::size_t all = bytes.size();
    while (!bytes.empty() && !enough()) {
      const void* newline = std::memchr(bytes.data(), '\n', bytes.size());
      if (newline == nullptr) {
        wait_for_the_end(bytes, take);
        return all;
      }
      auto size = static_cast<std::size_t>(static_cast<const char*>(newline) - bytes.data());
      if (carried_.empty() && size <= most_)
        give(bytes.substr(0, size), false, take);
      else
        end_line(bytes.substr(0, size), take);
      bytes.remove_prefix(size + 1);
    }
    return all - bytes.size();
  }

  /// Gives what waits for its end as a partial piece: its newline has been waited for long enough. What comes
  /// next on that line is its continuation.
  template <class Take>
  void flush(Take&& take) {
    if (!carried_.empty()) give_carried(true, take);
  }

  /// The same at the end of a run: what comes next begins a line.
  template <class Take>
  void end(Take&& take) {
    flush(take);
    continues_ = false;
    carried_.shrink_to_fit();
  }

  /// Forgets what waits for its end, for whoever hands it in again with what follows; how much it was.
  std::size_t leave() {
    std::size_t left = carried_.size();
    carried_.clear();
    return left;
  }

  /// Whether the next piece is not the beginning of its line.
  bool continues() const { return continues_; }
  /// Goes on where another one was.
  void go_on(bool continues) { continues_ = continues; }

  /// Whether something waits for its end.
  bool waits() const { return !carried_.empty(); }
  /// How much of it.
  std::size_t waiting() const { return carried_.size(); }

 private:
  template <class Take>
  void give(std::string_view bytes, bool partial, Take&& take) {
    bool continued = continues_;
    continues_ = partial;
    take(LinePiece{bytes, partial, continued});
  }
  template <class Take>
  void give_carried(bool partial, Take&& take) {
    give(carried_, partial, take);
    carried_.clear();
  }
  template <class Take>
  void wait_for_the_end(std::string_view bytes, Take&& take) {
    carry(bytes, take);
    carried_ += bytes;
  }
  template <class Take>
  void end_line(std::string_view bytes, Take&& take) {
    carry(bytes, take);
    if (carried_.empty()) return give(bytes, false, take);
    carried_ += bytes;
    give_carried(false, take);
  }
  /// Gives full pieces until what waits and what is left of `bytes` are no longer than a piece.
  template <class Take>
  void carry(std::string_view& bytes, Take&& take) {
    while (carried_.size() + bytes.size() > most_) {
      std::size_t room = most_ - carried_.size();
      if (carried_.empty()) {
        room = whole_characters(bytes.substr(0, room));
        give(bytes.substr(0, room), true, take);
      } else {
        carried_ += bytes.substr(0, room);
        std::string rest = carried_.substr(whole_characters(carried_));
        carried_.resize(carried_.size() - rest.size());
        give_carried(true, take);
        carried_ = std::move(rest);
      }
      bytes.remove_prefix(room);
    }
  }

  std::size_t most_;
  std::string carried_;     ///< the beginning of a line, or of a piece, whose end has not come
  bool continues_ = false;  ///< the next piece is not the beginning of its line
};

}  // namespace keeper
