// The users of this machine as /etc/passwd has them (passwd(5)), without the name services, which a static
// program cannot load.
#pragma once
#include <string>

namespace keeper {

/// Returns the name of a user; empty if the user is not there.
std::string passwd_name(unsigned uid);
/// Returns the home directory of a user; empty if the user is not there.
std::string passwd_home(unsigned uid);
/// Returns "ann", or "uid 1000" for a user that is not there.
std::string user_name(unsigned uid);
/// Returns "ann (uid 1000)", or "uid 1000" for a user that is not there.
std::string user_text(unsigned uid);

}  // namespace keeper
