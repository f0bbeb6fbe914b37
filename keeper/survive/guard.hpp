// The guard: the parent of a keeper. It holds the descriptors that must outlive a keeper (the lock, the
// listening socket, the output pipes, and all that are handed up), and starts the next keeper when one dies.
// It writes ended processes and its signals into the inbox (inbox.hpp) and notifies the keeper.
//
// It is meant to be unable to fail: no allocation, no library, only system calls, and one struct on its stack
// as state. In a release it starts before the C library would (see keeper_guard_entry), which leaves it 16 kB
// of memory of its own. So it also parses its role itself (role.hpp).
//
// It ends only on its keeper's request (GuardWord::leave). If it is killed, its keeper takes its place.
#pragma once

namespace keeper {

/// Returns if the environment does not make this process a guard. To be called before anything else. Enters a
/// role again that came through a script, under its own name.
void guard_if_asked(char** argv, char** envp);

}  // namespace keeper
