// Texts of parts between commas: "TERM,INT", "0,2,10-19".
#pragma once
#include <string_view>

#include "protocol/base/result.hpp"

namespace keeper {

/// Calls `each(part)`, which returns a Done, for every part between commas. Returns its first error. An empty
/// part is passed too.
template <class Each>
Done for_each_part(std::string_view text, Each each) {
  while (true) {
    auto comma = text.find(',');
    Done done = each(text.substr(0, comma));
    if (!done || comma == std::string_view::npos) return done;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace keeper
