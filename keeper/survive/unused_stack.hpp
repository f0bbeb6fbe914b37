// The part of a stack below its frames is unused: a process that rests for long releases it, by madvise(2)
// with MADV_DONTNEED. A header only, because the guard has no library.
#pragma once

namespace keeper {

struct UnusedStack {
  unsigned long address;  ///< of whole pages
  unsigned long bytes;
};

/// `here`: a variable in the frame of a function that is not inlined and makes that call next.
inline UnusedStack unused_stack(const void* here, unsigned long bytes) {
  constexpr unsigned long page = 4096;
  constexpr unsigned long own = 512;  // the rest of that frame, and the frame of the call
  const unsigned long below = (reinterpret_cast<unsigned long>(here) - own) & ~(page - 1);
  return {below - bytes, bytes};
}

}  // namespace keeper
