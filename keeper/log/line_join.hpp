// Joins lines that belong together, a stack trace for one, to records: a line that matches --log-join begins
// a record, others belong to the one before.
//
// A record is given when the next one begins, when it has waited long enough (flush), and at the end of a
// run; so what is given is later by that than a line would be. Its lines have a newline between them: in
// `json` they are one "msg", in `time` the lines behind the first stand without a time of their own. At most
// 64 KiB or 1,000 lines are joined; what is more is given in pieces, which say so as the pieces of a line do
// (see line_splitter): `partial`, its record may go on, and `continued`, it is not the beginning of its
// record. A record that was flushed is not partial, for nearly always that was its end; a line that belongs
// to it and comes later is a continued one.
//
// Pure: fed with the pieces that LineSplitter gives.
#pragma once
#include <memory>
#include <string>

#include "keeper/log/line_splitter.hpp"
#include "protocol/wire/line_matcher.hpp"

namespace keeper {

class LineJoin {
 public:
  static constexpr std::size_t kMostBytes = 64 << 10;
  static constexpr int kMostLines = 1000;

  /// `matcher` knows what begins a record.
  explicit LineJoin(std::unique_ptr<LineMatcher> matcher) : matcher_(std::move(matcher)) {}

  /// Calls `take(LinePiece)` for every record that is known to be over.
  template <class Take>
  void feed(const LinePiece& piece, Take&& take) {
    bool begins = !piece.continued && matcher_->matches(piece.bytes);
    if (begins) {
      give(false, take);
      continues_ = false;
    } else if (!fits(piece)) {
      give(true, take);
      continues_ = true;
    }
    add(piece);
  }

  /// Gives the record that waits: its next line has been waited for long enough.
  template <class Take>
  void flush(Take&& take) {
    if (lines_ == 0) return;
    give(false, take);
    continues_ = true;
  }

  /// The same at the end of a run: what comes next begins a record.
  template <class Take>
  void end(Take&& take) {
    give(false, take);
    continues_ = false;
    record_.shrink_to_fit();
  }

  bool waits() const { return lines_ > 0; }
  /// Whether the next record is not the beginning of its record.
  bool continues() const { return continues_; }
  /// Goes on where another one was.
  void go_on(bool continues) { continues_ = continues; }
  /// Forgets the record that waits, for whoever hands its lines in again with what follows.
  void leave() {
    record_.clear();
    lines_ = 0;
    cut_ = false;
  }

 private:
  bool fits(const LinePiece& piece) const {
    return lines_ == 0 || (lines_ < kMostLines && record_.size() + 1 + piece.bytes.size() <= kMostBytes);
  }
  void add(const LinePiece& piece) {
    if (lines_ > 0 && !piece.continued) record_ += '\n';
    record_ += piece.bytes;
    ++lines_;
    cut_ = piece.partial;
  }
  /// `goes_on`: there is more of the record.
  template <class Take>
  void give(bool goes_on, Take&& take) {
    if (lines_ == 0) return;
    take(LinePiece{record_, goes_on || cut_, continues_});
    record_.clear();
    lines_ = 0;
    cut_ = false;
  }

  std::unique_ptr<LineMatcher> matcher_;
  std::string record_;
  int lines_ = 0;
  bool cut_ = false;        ///< its last line is a partial one
  bool continues_ = false;  ///< it is not the beginning of its record
};

}  // namespace keeper
