// A role is entered by exec of this same binary: the program that parsed the command line becomes the keeper
// (later: its guard, and one becomes the other), so no role carries another's heap, and a change of role
// nests nothing.
//
// What a role needs comes with it in one environment variable: words, and descriptors under the numbers they
// have. Descriptors are close-on-exec but for the instant of that exec.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "protocol/home/home.hpp"

namespace keeper {

struct RoleTable {
  std::string home;          ///< path of the home
  std::string stem;          ///< which app and instance
  int lock = -1;             ///< holds the app's lock
  int socket = -1;           ///< bound and listening
  int report = -1;           ///< a pipe to the command that waits for the start, or -1
  std::vector<int> inherit;  ///< descriptors of the caller that the program gets
  bool foreground = false;
  bool fresh = false;    ///< this app had no record before
  bool replace = false;  ///< a program that an earlier keeper left is ended, and another one started
};

/// The table of this process's role, taken out of the environment; nothing if it was started by a user.
std::optional<RoleTable> take_role();

/// Becomes that role: same process, same program file (also when it was deleted or replaced meanwhile), named
/// `process_name` in ps(1), with `environment` ("K=V"). Returns only if it could not be done.
Error enter_role(const RoleTable& table, const std::string& process_name,
                 const std::vector<std::string>& environment);

/// Those of these descriptors that are not open.
std::vector<int> not_open(const std::vector<int>& descriptors);

/// Marks every descriptor above 2 close-on-exec: what a shell left open is not for the child.
void close_strays_on_exec();

}  // namespace keeper
