// Cuts output into lines, however it arrives: the first step of a line-wise format.
//
// A line is any bytes up to a newline; a carriage return, a NUL and bytes that are not UTF-8 belong to it. A
// line that is whole in the bytes of one call is passed on as a view of them, without a copy; only bytes that
// wait for their end are kept: at most `most` of them.
//
// A longer line is passed on in several pieces, none cut within a UTF-8 character, each with its marks:
//   partial    its line continues: the newline has not come (or the line is longer than `most`)
//   continued  it is not the beginning of its line: the part before was passed on already
// A long line is {partial}, {continued, partial}, ..., {continued}. The pieces together are the line again:
// if the newline comes right after a partial piece, an empty continued one follows.
//
// Pure: the caller decides when a partial line has waited long enough (flush) and when a run is over (end).
#pragma once
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/base/utf8.hpp"
#include "protocol/json/reader.hpp"

namespace keeper {

/// A line, or a piece of one, without its newline. Valid until the next call of the object that passed it.
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

  /// Calls `take(LinePiece)` for every line that ends in `bytes`, and for every full piece of a longer one.
  /// The rest waits.
  template <class Take>
  void feed(std::string_view bytes, Take&& take) {
    feed(bytes, take, [] { return false; });
  }
  /// Does the same until `enough()`, which is called after each line. Returns how many bytes were read.
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

  /// Passes on the waiting bytes as a partial piece: the wait for their newline is over. What follows on that
  /// line is its continuation.
  template <class Take>
  void flush(Take&& take) {
    if (!carried_.empty()) give_carried(true, take);
  }

  /// Does the same at the end of a run: what follows begins a line.
  template <class Take>
  void end(Take&& take) {
    flush(take);
    continues_ = false;
    carried_.shrink_to_fit();
  }

  /// Forgets the waiting bytes, for a caller that passes them again with what follows; returns how many.
  std::size_t leave() {
    std::size_t left = carried_.size();
    carried_.clear();
    return left;
  }

  /// Returns whether the next piece is not the beginning of its line.
  bool continues() const { return continues_; }
  /// Continues where another one stopped.
  void go_on(bool continues) { continues_ = continues; }

  /// Returns whether bytes wait for the end of their line.
  bool waits() const { return !carried_.empty(); }
  /// Returns how many.
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
  /// Passes on full pieces until the waiting bytes and the rest of `bytes` fit into one piece.
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
  std::string carried_;     ///< the beginning of a line, or of a piece, without an end yet
  bool continues_ = false;  ///< the next piece is not the beginning of its line
};

}  // namespace keeper
