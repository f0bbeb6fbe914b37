// Joins lines that belong together, such as a stack trace, to records: a line that matches --log-join begins
// a record, others belong to the one before.
//
// A record is passed on when the next one begins, when it has waited long enough (flush), and at the end of a
// run; so it comes later than a line would. Its lines are separated by newlines: in `json` they are one
// "msg", in `time` the lines after the first have no time of their own. At most 64 KiB or 1,000 lines are
// joined; longer records come in pieces with the marks of a line's pieces (see line_splitter): `partial`, its
// record may continue, and `continued`, it is not the beginning of its record. A flushed record is not
// partial, because nearly always that was its end; a line that belongs to it and comes later is a continued
// one.
//
// Pure: takes the pieces of LineSplitter.
#pragma once
#include <memory>
#include <string>

#include "keeper/log/line_splitter.hpp"
#include "protocol/base/line_matcher.hpp"

namespace keeper {

class LineJoin {
 public:
  static constexpr std::size_t kMostBytes = 64 << 10;
  static constexpr int kMostLines = 1000;

  /// `matcher` matches the beginning of a record.
  explicit LineJoin(std::unique_ptr<LineMatcher> matcher) : matcher_(std::move(matcher)) {}

  /// Calls `take(LinePiece)` for every record that is complete.
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

  /// Passes on the waiting record: the wait for its next line is over.
  template <class Take>
  void flush(Take&& take) {
    if (lines_ == 0) return;
    give(false, take);
    continues_ = true;
  }

  /// Does the same at the end of a run: what follows begins a record.
  template <class Take>
  void end(Take&& take) {
    give(false, take);
    continues_ = false;
    record_.shrink_to_fit();
  }

  bool waits() const { return lines_ > 0; }
  /// Returns whether the next piece is not the beginning of its record.
  bool continues() const { return continues_; }
  /// Continues where another one stopped.
  void go_on(bool continues) { continues_ = continues; }
  /// Forgets the waiting record, for a caller that passes its lines again with what follows.
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
  /// `goes_on`: the record has more lines.
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
