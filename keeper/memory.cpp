#include "keeper/memory.hpp"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>

/// What glibc calls when a thread ends (malloc/arena.c): from then on it keeps no freed pieces of this thread
/// at hand, some of every size, which malloc_trim(3) cannot give back. They were half of a keeper's heap.
/// Weak: where a C library has it not, or does not show it (a shared one), nothing is called.
extern "C" [[gnu::weak]] void __malloc_arena_thread_freeres();  // NOLINT(bugprone-reserved-identifier)

namespace keeper {

void have_one_small_heap() {
  mallopt(M_MMAP_THRESHOLD, 64 * 1024);
  mallopt(M_TRIM_THRESHOLD, 32 * 1024);
  mallopt(M_TOP_PAD, 4 * 1024);
  if (__malloc_arena_thread_freeres != nullptr) __malloc_arena_thread_freeres();
}

[[gnu::noinline]] void give_back_memory() {
  malloc_trim(0);
  constexpr std::uintptr_t page = 4096, deep = 256 * 1024;
  constexpr std::uintptr_t own = 512;  // this frame, and that of the call
  char here = 0;
  const std::uintptr_t below = (reinterpret_cast<std::uintptr_t>(&here) - own) & ~(page - 1);
  madvise(reinterpret_cast<void*>(below - deep), deep, MADV_DONTNEED);
}

}  // namespace keeper
