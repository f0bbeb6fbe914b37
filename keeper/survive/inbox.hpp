// The guard's reports to its keeper: a ring in the state page. The entries stay there for the next keeper and
// for a guard that follows: so nothing is reported twice and nothing is lost, whichever of the two is killed.
// One writer (the guard), one reader (the keeper).
#pragma once
#include <atomic>
#include <cstdint>

namespace keeper {

struct InboxEntry {
  enum What : std::uint8_t { exited = 1, killed = 2, dumped = 3, signal = 4 };
  std::uint32_t number;  ///< the first is 1
  std::uint8_t what;
  std::uint8_t value;   ///< exit code, or number of the signal
  std::uint16_t spare;  ///< zero
  std::int32_t pid;     ///< of the ended process; of the sender of a signal, 0 for the kernel
  std::uint32_t uid;    ///< of that sender
};

struct Inbox {
  static constexpr std::uint32_t kEntries = 16;

  std::atomic<std::uint32_t> written;  ///< number of the last entry
  std::atomic<std::uint32_t> read;     ///< of the last one that the keeper has acted on and recorded
  InboxEntry entries[kEntries];

  /// Returns false if it is full of unread entries. Then the report waits at its source (an ended process
  /// stays a zombie).
  bool put(InboxEntry::What what, int value, std::int32_t pid, std::uint32_t uid = 0) {
    const std::uint32_t last = written.load(std::memory_order_relaxed);
    if (last - read.load(std::memory_order_acquire) >= kEntries) return false;
    InboxEntry& entry = entries[last % kEntries];
    entry.number = last + 1;
    entry.what = what;
    entry.value = static_cast<std::uint8_t>(value);
    entry.spare = 0;
    entry.pid = pid;
    entry.uid = uid;
    written.store(last + 1, std::memory_order_release);
    return true;
  }
  /// Returns entry `number`, if it is still in the ring.
  const InboxEntry* at(std::uint32_t number) const {
    const InboxEntry& entry = entries[(number - 1) % kEntries];
    return number != 0 && entry.number == number ? &entry : nullptr;
  }
};

/// The offset in the first page of the state page.
constexpr std::uint32_t kInboxAt = 192;
constexpr std::uint32_t kStatePageMapped = 4096;
static_assert(kInboxAt + sizeof(Inbox) <= 512);

}  // namespace keeper
