#include "protocol/logs/lines_in.hpp"

#include <algorithm>

namespace keeper {
namespace {

using std::string_view;

constexpr std::size_t kBlock = kMostLineText;
constexpr std::uint64_t kNowhere = ~std::uint64_t{0};

}  // namespace

Result<std::optional<LineAt>> LinesForward::next() {
  if (at_ >= end_) return std::optional<LineAt>();
  LineAt line{at_, at_, {}};
  // The block begins at the line's start; bytes beyond it are skipped.
  std::size_t from = static_cast<std::size_t>(at_ - block_at_);
  if (block_at_ > at_ || from > block_.size()) from = block_.size();
  auto newline = block_.find('\n', from);
  if (newline == std::string::npos) {
    auto read = log_.read_range(at_, at_ + kBlock);
    if (!read) return read.error();
    block_ = *std::move(read);
    block_at_ = at_;
    from = 0;
    newline = block_.find('\n');
    if (block_.empty()) return std::optional<LineAt>();
  }
  bool whole = newline != std::string::npos;
  line.text = string_view(block_).substr(from, whole ? newline - from : string_view::npos);
  line.end = whole ? block_at_ + newline + 1 : block_at_ + block_.size();
  if (!whole && block_.size() == kBlock) {
    auto next = next_line_begin(log_, line.end + 1, kNowhere);
    if (!next) return next.error();
    line.end = *next;
  }
  at_ = line.end;
  return std::optional<LineAt>(line);
}

Result<std::uint64_t> next_line_begin(LogContent& log, std::uint64_t offset, std::uint64_t end) {
  if (offset == 0) return std::uint64_t{0};
  // The newline may be the byte before.
  for (std::uint64_t at = offset - 1; at < end;) {
    auto block = log.read_range(at, std::min<std::uint64_t>(end, at + kBlock));
    if (!block) return block.error();
    auto newline = block->find('\n');
    if (newline != std::string::npos) return at + newline + 1;
    if (block->empty()) return at;
    at += block->size();
  }
  return end;
}

/// Loads what precedes `end`, at most one block.
Done LinesBackward::load(std::uint64_t end) {
  std::uint64_t begin = end - std::min<std::uint64_t>(end - begin_, kBlock);
  auto read = log_.read_range(begin, end);
  if (!read) return read.error();
  block_ = *std::move(read);
  block_at_ = begin;
  return {};
}

/// Returns where the line begins that ends at at_. Its own newline is its last byte, if it has one.
Result<std::uint64_t> LinesBackward::beginning() {
  for (std::uint64_t end = at_ - 1; end > begin_; end = block_at_) {
    bool loaded = end > block_at_ && end <= block_at_ + block_.size();
    // Whole blocks from at_ on, so that the block contains the line's text.
    if (!loaded)
      if (Done done = load(end == at_ - 1 ? at_ : end); !done) return done.error();
    if (end <= block_at_ || block_.size() < end - block_at_) return begin_;  // truncated meanwhile
    auto newline = string_view(block_).substr(0, static_cast<std::size_t>(end - block_at_)).rfind('\n');
    if (newline != string_view::npos) return block_at_ + newline + 1;
  }
  return begin_;
}

Result<string_view> LinesBackward::text_of(std::uint64_t begin, std::uint64_t end) {
  end = std::min<std::uint64_t>(end, begin + kMostLineText + 1);
  bool there = begin >= block_at_ && end <= block_at_ + block_.size();
  if (!there) {
    auto read = log_.read_range(begin, end);
    if (!read) return read.error();
    text_ = *std::move(read);
  }
  string_view text = there ? string_view(block_).substr(static_cast<std::size_t>(begin - block_at_),
                                                        static_cast<std::size_t>(end - begin))
                           : string_view(text_);
  if (text.ends_with('\n')) text.remove_suffix(1);
  return text.substr(0, kMostLineText);
}

Result<std::optional<LineAt>> LinesBackward::next() {
  if (at_ <= begin_) return std::optional<LineAt>();
  auto begin = beginning();
  if (!begin) return begin.error();
  auto text = text_of(*begin, at_);
  if (!text) return text.error();
  LineAt line{*begin, at_, *text};
  at_ = *begin;
  return std::optional<LineAt>(line);
}

}  // namespace keeper
