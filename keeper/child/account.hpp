// Who a program runs as: a name or a number to ids, groups, home and shell.
//
// A release binary is static and has no name services of its own. /etc/passwd and /etc/group are read
// directly (passwd(5), group(5)); what is not there is asked of getent(1), which may take as long as a server
// in the network takes. So an account is looked up by the command that starts a keeper; the keeper, which
// must not wait, reads the files again for each run, and of other accounts the spec carries what was found.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/wire/account.hpp"

namespace keeper {

/// Where accounts are looked up.
struct AccountSources {
  const char* passwd = "/etc/passwd";
  const char* group = "/etc/group";
  const char* getent = "getent";  ///< a path, or a name that is looked up in PATH
};

/// "web", "web:staff", "1000:33". A number is taken for an id; one without an entry needs a group, has / as
/// its home, /bin/sh as its shell and no supplementary group but its own. Errors: not_found (says which of
/// the two, and what would do), invalid.
Result<Account> find_account(std::string_view who, const AccountSources& sources = {});

/// The same where user and group stand in the files; nothing where only a name service may know one of them.
std::optional<Account> find_local_account(std::string_view who, const AccountSources& sources = {});

/// The name of a user, for people; the number where it has none.
std::string user_name(unsigned uid, const AccountSources& sources = {});

/// HOME, USER, LOGNAME and SHELL, as "K=V".
std::vector<std::string> account_environment(const Account& account);

}  // namespace keeper
