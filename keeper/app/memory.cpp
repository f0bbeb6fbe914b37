#include "keeper/app/memory.hpp"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

#include "keeper/survive/unused_stack.hpp"

/// What glibc calls when a thread ends (malloc/arena.c): from then on it keeps no freed pieces of this thread
/// at hand, some of every size, which malloc_trim(3) cannot give back. They were half of a keeper's heap.
/// Weak: where a C library has it not, or does not show it (a shared one), nothing is called.
extern "C" [[gnu::weak]] void __malloc_arena_thread_freeres();  // NOLINT(bugprone-reserved-identifier)

namespace keeper {

void have_one_small_heap() {
  mallopt(M_MMAP_THRESHOLD, 64 * 1024);
  mallopt(M_TRIM_THRESHOLD, 32 * 1024);
  mallopt(M_TOP_PAD, 4 * 1024);
  mallopt(M_MXFAST,
          0);  // what is freed joins its neighbours at once: all at a time, now and then, takes longer
  if (__malloc_arena_thread_freeres != nullptr) __malloc_arena_thread_freeres();
}

void be_resumed_plainly() {
#if __has_include(<sys/rseq.h>) && defined(RSEQ_SIG)
  if (__rseq_size == 0) return;
  // As long as what was registered: with glibc 2.36 that is the whole of the structure.
  char* const area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
  syscall(SYS_rseq, area, sizeof(struct rseq), RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
#endif
}

[[gnu::noinline]] void give_back_memory() {
  malloc_trim(0);
  const char here = 0;
  const UnusedStack unused = unused_stack(&here, 256 * 1024);
  madvise(reinterpret_cast<void*>(unused.address), unused.bytes, MADV_DONTNEED);
}

}  // namespace keeper
