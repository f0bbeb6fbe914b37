#include "ctl/output/table.hpp"

#include <algorithm>

#include "protocol/base/escape.hpp"

namespace keeper {
namespace {

constexpr std::size_t kGap = 2;

}  // namespace

/// Which columns are shown, and how wide.
struct Table::Layout {
  std::vector<std::size_t> shown;   ///< indexes of columns_
  std::vector<std::size_t> widths;  ///< of all columns

  std::size_t total() const {
    std::size_t sum = 0;
    for (std::size_t i : shown)
      sum += widths[i] + kGap;
    return sum - std::min(sum, kGap);
  }
};

Table::Layout Table::layout(std::optional<std::size_t> width) const {
  Layout out;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t widest = columns_of(columns_[i].title);
    for (const auto& row : rows_)
      widest = std::max(widest, columns_of(row[i].text));
    out.shown.push_back(i);
    out.widths.push_back(widest);
  }
  if (!width) return out;

  std::vector<std::size_t> natural = out.widths;
  auto cut_down = [&] {
    for (std::size_t i : out.shown) {
      if (!columns_[i].cut) continue;
      out.widths[i] = natural[i];
      std::size_t over = out.total() > *width ? out.total() - *width : 0;
      std::size_t least = columns_of(columns_[i].title);
      out.widths[i] = natural[i] > over + least ? natural[i] - over : least;
    }
  };
  auto goes_first = [&](std::size_t a, std::size_t b) {
    auto rank = [&](std::size_t i) { return columns_[i].leave_out == 0 ? 1000 : columns_[i].leave_out; };
    return rank(a) < rank(b);
  };
  for (cut_down(); out.total() > *width; cut_down()) {
    auto next = std::min_element(out.shown.begin(), out.shown.end(), goes_first);
    if (next == out.shown.end() || columns_[*next].leave_out == 0) break;
    out.shown.erase(next);
  }
  return out;
}

void Table::add_line(std::string& out, const Layout& layout, const std::vector<Cell>& row,
                     bool coloured) const {
  for (std::size_t i : layout.shown) {
    bool last = i == layout.shown.back();
    std::string text = cut_to(row[i].text, layout.widths[i]);
    std::string padding(layout.widths[i] - columns_of(text), ' ');
    if (columns_[i].right) out += padding;
    out += painted(text, row[i].colour, coloured);
    if (!columns_[i].right && !last) out += padding;
    out += last ? "\n" : std::string(kGap, ' ');
  }
}

std::string Table::text(std::optional<std::size_t> width, bool coloured) const {
  Layout columns = layout(width);
  std::vector<Cell> titles;
  for (const Column& column : columns_)
    titles.push_back({column.title, Colour::bold});
  std::string out;
  add_line(out, columns, titles, coloured);
  for (const auto& row : rows_)
    add_line(out, columns, row, coloured);
  return out;
}

}  // namespace keeper
