// The account that a program runs as: a name or a number to ids, groups, home and shell.
//
// A release binary is static and has no name services. /etc/passwd and /etc/group are read directly
// (passwd(5), group(5)); for other accounts getent(1) is run, which may take as long as a server in the
// network. So the command that starts a keeper looks an account up; the keeper, which must not wait, reads
// the files again for each run, and the spec carries the result for other accounts.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/account.hpp"

namespace keeper {

/// The sources of accounts.
struct AccountSources {
  const char* passwd = "/etc/passwd";
  const char* group = "/etc/group";
  const char* getent = "getent";  ///< a path, or a name that is searched in PATH
};

/// Finds "web", "web:staff", "1000:33". A number is an id; one without an entry needs a group, and has / as
/// its home, /bin/sh as its shell and only its own group. Errors: not_found (says which of the two, with a
/// remedy), invalid.
Result<Account> find_account(std::string_view who, const AccountSources& sources = {});

/// Does the same if the files have user and group; nothing if only a name service may know one of them.
std::optional<Account> find_local_account(std::string_view who, const AccountSources& sources = {});

/// Returns the name of a user, for people; the number without a name.
std::string user_name(unsigned uid, const AccountSources& sources = {});

/// Returns HOME, USER, LOGNAME and SHELL, as "K=V".
std::vector<std::string> account_environment(const Account& account);

}  // namespace keeper
