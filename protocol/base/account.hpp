// A user's account as a record holds it: ids, groups, home and shell. Keeper and ctl look nothing up.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.hpp"

namespace keeper {

inline constexpr unsigned kMostId = 0xFFFF'FFFE;  ///< the next one means "no change" to setresuid(2)

struct Account {
  std::string name;  ///< the number if it has no entry
  unsigned uid = 0;
  unsigned gid = 0;
  std::vector<unsigned> groups;  ///< supplementary ones, each once, ascending; gid is among them
  std::string home;
  std::string shell;
  bool operator==(const Account&) const = default;
};

/// Returns the number in `text` if that is a uid or a gid; else nothing.
std::optional<unsigned> parse_id(std::string_view text);

/// Returns one line as in passwd(5), with groups for the comment: "web:1000:33:27,33:/home/web:/bin/sh".
std::string account_text(const Account& account);
/// Parses that line. Errors: invalid.
Result<Account> read_account(std::string_view text);

}  // namespace keeper
