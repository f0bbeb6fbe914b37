// A table in a terminal's width. Pure: rows and a width in, text out.
//
// What does not fit is first taken from the column that may be cut, then whole columns go, those with the
// lowest `leave_out` first. A line never wraps while there is a column left that may go.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ctl/output/colour.hpp"

namespace keeper {

struct Column {
  std::string title;
  bool right = false;  ///< numbers stand at the right
  int leave_out = 0;   ///< 0: always shown; else 1 goes first
  bool cut = false;    ///< may be cut down, to its title's width
};
struct Cell {
  std::string text;  ///< harmless (escape.hpp)
  Colour colour = Colour::none;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// As many cells as there are columns.
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  /// Lines with their newlines, the titles first. No width: as wide as it comes.
  std::string text(std::optional<std::size_t> width, bool coloured) const;

 private:
  struct Layout;
  Layout layout(std::optional<std::size_t> width) const;
  void add_line(std::string& out, const Layout& layout, const std::vector<Cell>& row, bool coloured) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace keeper
