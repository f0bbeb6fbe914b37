// A kept program is to cost as little memory as it can: its keeper mostly sleeps.
#pragma once

namespace keeper {

/// Before the first allocation that matters: one heap, which give_back_memory() can make small again
/// (mallopt(3)).
void have_one_small_heap();

/// The kernel does not write the processor's number into this process any more each time that it goes on
/// (rseq(2), which glibc has registered for sched_getcpu(3)): every wake-up would touch a page more.
void be_resumed_plainly();

/// What the last work needed goes back to the system: free memory of the heap (malloc_trim(3)) and of the
/// stack all that is below the caller's frame, which is nobody's until it is used again (madvise(2)).
void give_back_memory();

}  // namespace keeper
