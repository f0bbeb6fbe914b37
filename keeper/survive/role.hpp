// A role is entered by exec of this same binary: the program that parsed the command line becomes the guard,
// which starts its keeper; a keeper whose guard was killed becomes the guard. So no role has another's heap,
// and a change of role nests nothing.
//
// The input of a role is in one environment variable, KEEPER_ROLE:
//
//   ROLE fds=lock:5,socket:6,out:9 [next=1] [guard=7] [trial=1] [died=9] [failed=WHY];foreground=1 ...
//   stem=api home=/x
//
// The part after the semicolon is passed on unchanged (guard.cpp is its other reader and writer). Descriptors
// keep their numbers; they are close-on-exec except for the instant of that exec.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/fd.hpp"
#include "protocol/base/result.hpp"

namespace keeper {

enum class Role { keeper, guard };

/// A descriptor that outlives a keeper, by its name.
struct HeldFd {
  std::string name;
  int fd;
};

struct RoleTable {
  std::string home;          ///< path of the home
  std::string stem;          ///< the app and instance
  int lock = -1;             ///< holds the app's lock
  int socket = -1;           ///< bound and listening
  int report = -1;           ///< a pipe to the command that waits for the start, or -1
  std::vector<int> inherit;  ///< descriptors of the caller for the program
  bool foreground = false;
  bool fresh = false;                ///< this app had no record before
  bool replace = false;              ///< ends a program that an earlier keeper left, and starts another one
  std::string to_stop;               ///< StopWish::text(): takes the program over only to stop it; or empty
  std::optional<int> oom_score_adj;  ///< the caller's, if ours was lowered: the program gets this one
  std::string caller;                ///< callers_own.hpp: its mask of new files, priority and limits

  // of a keeper that a guard has started
  int guard = -1;            ///< the line to it (guard_link.hpp)
  std::vector<HeldFd> held;  ///< held by the guard besides those above
  bool next = false;         ///< it takes the place of a predecessor
  bool trial = false;        ///< it runs another program file, which stays in use if it comes up
  int died = 0;              ///< how the predecessor ended: exit code << 8 | 0x10000, else the signal
  std::string failed;        ///< why another program file, which was tried, is not used: died, silent
};

/// Removes that descriptor from the list and returns it; none if the name is missing.
Fd take_held(std::vector<HeldFd>& held, const std::string& name);

/// Removes the table of this process's role from the environment and returns it; nothing if a user started
/// it. Only the descriptors of the role are for a child.
std::optional<RoleTable> take_role();

/// Sets the caller's properties (RoleTable::caller, filled in if it is empty) and the name in ps(1), whatever
/// this process was before (a wrapper script may have changed any of these).
void own_process(RoleTable& table);

/// Returns RoleTable::caller for the current state of this process.
std::string callers_own();

/// Becomes that role: same process, same program file (also when it was deleted or replaced meanwhile), named
/// "keeper: NAME" or "keeper: guard NAME" in ps(1), with `environment` ("K=V"). `image`: a descriptor of
/// another program file (O_PATH), or -1. Returns only on failure.
Error enter_role(Role role, const RoleTable& table, const std::vector<std::string>& environment,
                 int image = -1);

/// Returns those of these descriptors that are not open.
std::vector<int> not_open(const std::vector<int>& descriptors);

/// Marks every descriptor above 2 close-on-exec: descriptors that a shell left open are not for the child.
void close_strays_on_exec();

}  // namespace keeper
