// The table of `ctl list`: one Status, one line.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "protocol/wire/status.hpp"

namespace keeper {

struct ListStyle {
  std::optional<std::size_t> width;  ///< of the terminal; nothing: not cut
  bool coloured = false;
  bool wide = false;  ///< -w
};

std::string app_table(const std::vector<Status>& apps, const ListStyle& style, WallTime now);

}  // namespace keeper
