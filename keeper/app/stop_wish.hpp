// A keeper that takes a program over only to stop it: what it is told in its role.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "keeper/core/life.hpp"
#include "protocol/wire/history.hpp"

namespace keeper {

struct StopWish {
  std::string by;    ///< the command that asks: "stop", "restart" or "scale"
  int pid = 0;       ///< of the process that asks
  unsigned uid = 0;  ///< of its user
  int left_by = 0;   ///< pid of the keeper that wrote the state page; 0: the page is of no use

  /// Returns "stop:4711:1000:4700", without a blank.
  std::string text() const;
  /// Returns nothing for any other text.
  static std::optional<StopWish> parse(std::string_view text);

  /// The cause of the run's end.
  Cause cause() const;
  Asker asker() const;
};

}  // namespace keeper
