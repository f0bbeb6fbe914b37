// The guard: the parent of a keeper. It holds what must outlive one (the lock, the listening socket, the
// output pipes, whatever is handed up to it), and starts the next one when a keeper dies. What ends
// meanwhile, and the signals that it gets, it writes into the inbox (inbox.hpp) and says so.
//
// It is meant to be unable to fail: no allocation, no library, nothing that is not a system call, no state
// but one struct on its stack. In a release it starts before the C library would (see keeper_guard_entry),
// which leaves it 16 kB of memory of its own. So it also reads its role itself; the text is that of role.hpp.
//
// It ends only when its keeper says so (GuardWord::leave). If it is killed, its keeper takes its place.
#pragma once

namespace keeper {

/// Returns if the environment does not make this process a guard. To be called before anything else. A role
/// that was entered by way of a script is entered once more, by its own name.
void guard_if_asked(char** argv, char** envp);

}  // namespace keeper
