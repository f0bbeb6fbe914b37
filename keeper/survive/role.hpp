// A role is entered by exec of this same binary: the program that parsed the command line becomes the guard,
// which starts its keeper; a keeper whose guard was killed becomes the guard. So no role carries another's
// heap, and a change of role nests nothing.
//
// What a role needs comes with it in one environment variable, KEEPER_ROLE:
//
//   ROLE fds=lock:5,socket:6,out:9 [next=1] [guard=7] [trial=1] [died=9] [failed=WHY];foreground=1 ...
//   stem=api home=/x
//
// What stands behind the semicolon is passed on as it is (guard.cpp, which is its other reader and writer).
// Descriptors have the numbers that they have; they are close-on-exec but for the instant of that exec.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "protocol/home/home.hpp"

namespace keeper {

enum class Role { keeper, guard };

/// A descriptor that outlives a keeper, by its name.
struct HeldFd {
  std::string name;
  int fd;
};

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
  std::optional<int> oom_score_adj;  ///< the caller's, where ours was lowered: the program gets this one
  std::string caller;                ///< callers_own.hpp: its mask of new files, priority and limits

  // of a keeper that a guard has started
  int guard = -1;            ///< the line to it (guard_link.hpp)
  std::vector<HeldFd> held;  ///< what the guard holds besides those above
  bool next = false;         ///< there was one before it, whose place it takes
  bool trial = false;        ///< it runs another program file, which is used from now on if it comes up
  int died = 0;              ///< how that one ended: exit code << 8 | 0x10000, else the signal
  std::string failed;        ///< why another program file, which was to be tried, is not used: died, silent
};

/// That descriptor, which is no longer in the list; none where there is none of that name.
Fd take_held(std::vector<HeldFd>& held, const std::string& name);

/// The table of this process's role, taken out of the environment; nothing if it was started by a user. No
/// descriptor but those of the role is for a child.
std::optional<RoleTable> take_role();

/// Sets what is the caller's (RoleTable::caller, filled in if it is empty), and the name in ps(1), whatever
/// this process was before (a wrapper script, which may have set any of it).
void own_process(RoleTable& table);

/// RoleTable::caller, of this process as it is.
std::string callers_own();

/// Becomes that role: same process, same program file (also when it was deleted or replaced meanwhile), named
/// "keeper: NAME" or "keeper: guard NAME" in ps(1), with `environment` ("K=V"). `image`: a descriptor of
/// another program file (O_PATH), or -1. Returns only if it could not be done.
Error enter_role(Role role, const RoleTable& table, const std::vector<std::string>& environment,
                 int image = -1);

/// Those of these descriptors that are not open.
std::vector<int> not_open(const std::vector<int>& descriptors);

/// Marks every descriptor above 2 close-on-exec: what a shell left open is not for the child.
void close_strays_on_exec();

}  // namespace keeper
