// A kept program is to cost as little memory as it can: its keeper mostly sleeps.
#pragma once

namespace keeper {

/// Before the first allocation that matters: one heap, which give_back_memory() can make small again
/// (mallopt(3)).
void have_one_small_heap();

/// What the last work needed goes back to the system: free memory of the heap (malloc_trim(3)) and of the
/// stack all that is below the caller's frame, which is nobody's until it is used again (madvise(2)).
void give_back_memory();

}  // namespace keeper
