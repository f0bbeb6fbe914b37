#include "keeper/survive/state_page.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "protocol/base/mapped_page.hpp"

namespace keeper {
namespace {

constexpr std::uint32_t kSmallAt = 512, kSmall = 1792;  // two of them fill the first page
constexpr std::uint32_t kMapped = kStatePageMapped;
static_assert(kMapped == kMappedPage);
constexpr std::uint32_t kLargeAt = kMapped;

/// FNV-1a.
std::uint64_t mix(std::uint64_t hash, const void* bytes, std::size_t count) {
  const auto* at = static_cast<const unsigned char*>(bytes);
  for (std::size_t i = 0; i < count; ++i)
    hash = (hash ^ at[i]) * 1099511628211ull;
  return hash;
}

}  // namespace

std::uint64_t StatePage::begin_claim(std::uint64_t run) {
  const std::uint64_t claim = claim_of(spawn_of_claim(head().claim) + 1u, 0);
  head().claim_run = 0;  // a process that is killed in between has not spawned
  head().claim = claim;
  head().claim_run = run;
  return claim;
}

static_assert(kSmallAt + 2 * kSmall <= kLargeAt);
static_assert(kLargeAt + 2 * StatePage::kLarge <= StatePage::kSize);

namespace {

constexpr std::size_t kLongestAt = StatePage::kSize;  // two of kMost, beyond what an older keeper reads
constexpr std::size_t kEnd = kLongestAt + 2 * StatePage::kMost;

std::uint32_t place_for(std::size_t bytes, std::uint32_t which) {
  if (bytes <= kSmall) return kSmallAt + which * kSmall;
  const bool large = bytes <= StatePage::kLarge;
  return static_cast<std::uint32_t>(large ? kLargeAt + which * StatePage::kLarge
                                          : kLongestAt + which * StatePage::kMost);
}

}  // namespace

Result<StatePage> StatePage::open(const Home& home, const std::string& stem) {
  auto file = home.open_state(stem);
  if (!file) return file.error();
  return open(std::move(*file), home.state_path(stem));
}

Result<StatePage> StatePage::open(Fd file, const std::string& path) {
  static_assert(offsetof(Head, inbox) == kInboxAt);
  if (int error = posix_fallocate(file.get(), 0, kSize); error != 0)
    return Error{Reason::failed, "keep the state in " + path, "", error};
  void* memory = mmap(nullptr, kMapped, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return system_error("keep the state in " + path, "map it");
  register_mapped_page(memory);
  StatePage out(memory, std::move(file));
  if (out.head().magic != kMagic) {
    std::memset(memory, 0, sizeof(Head));
    out.head().magic = kMagic;
  }
  if (const Slot* slot = out.last()) {
    out.number_ = slot->number;
    out.next_ = slot == &out.head().slots[0] ? 1 : 0;
  }
  return out;
}

Result<StatePage> StatePage::made_anew(const std::string& path, std::uint32_t read) const {
  Fd file(fcntl(file_.get(), F_DUPFD_CLOEXEC, 0));
  if (!file) return system_error("keep the state in " + path);
  auto out = open(std::move(file), path);
  if (!out) return out;
  std::memset(out->memory_, 0, sizeof(Head));
  out->head().inbox.written = out->head().inbox.read = read;
  out->head().magic = kMagic;
  return out;
}

StatePage::StatePage(StatePage&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      file_(std::move(other.file_)),
      next_(other.next_),
      number_(other.number_),
      room_(other.room_) {}

StatePage& StatePage::operator=(StatePage&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(file_, other.file_);
  std::swap(next_, other.next_);
  std::swap(number_, other.number_);
  std::swap(room_, other.room_);
  return *this;
}

StatePage::~StatePage() {
  if (memory_ == nullptr) return;
  unregister_mapped_page(memory_);
  munmap(memory_, kMapped);
}

std::uint64_t StatePage::checksum_of(const Slot& slot, std::string_view content) {
  std::uint64_t hash = mix(14695981039346656037ull, &slot, offsetof(Slot, checksum));
  return mix(hash, content.data(), content.size());
}

/// Returns nothing if it is not whole.
std::optional<std::string> StatePage::content_of(const Slot& slot) const {
  if (slot.number == 0 || slot.offset < kSmallAt || slot.length > kMost || slot.offset + slot.length > kEnd)
    return std::nullopt;
  std::string out(slot.length, '\0');
  if (pread(file_.get(), out.data(), out.size(), slot.offset) != static_cast<ssize_t>(out.size()))
    return std::nullopt;
  if (slot.checksum != checksum_of(slot, out)) return std::nullopt;
  return out;
}

const StatePage::Slot* StatePage::last() const {
  const Slot* out = nullptr;
  for (const Slot& slot : head().slots)
    if ((out == nullptr || slot.number > out->number) && content_of(slot)) out = &slot;
  return out;
}

std::optional<std::string> StatePage::read() const {
  const Slot* slot = last();
  return slot == nullptr ? std::nullopt : content_of(*slot);
}

/// Allocates blocks for both places at once: the next content may be as long. Returns 0, or an errno.
int StatePage::make_room_for(std::size_t bytes) {
  if (bytes <= kLarge || bytes <= room_) return 0;
  constexpr std::size_t step = 16 * 1024;
  const std::size_t wanted = std::min(kMost, (bytes + step - 1) / step * step);
  for (std::size_t at : {kLongestAt, kLongestAt + kMost})
    if (int error = posix_fallocate(file_.get(), static_cast<off_t>(at), static_cast<off_t>(wanted));
        error != 0)
      return error;
  room_ = wanted;
  return 0;
}

Done StatePage::write(std::string_view content) {
  Error cannot{Reason::failed, "write the state", "", 0};
  if (content.size() > kMost) {
    cannot.about =
        "it has " + std::to_string(content.size()) + " bytes, and there is room for " + std::to_string(kMost);
    return cannot;
  }
  cannot.errnum = make_room_for(content.size());
  if (cannot.errnum != 0) return cannot;
  const std::uint32_t which = next_;
  Slot& slot = head().slots[which];
  // Readers use the other slot until this one has its checksum.
  slot.checksum = 0;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  const bool small = content.size() <= kSmall;
  slot.offset = place_for(content.size(), which);
  slot.length = static_cast<std::uint32_t>(content.size());
  slot.number = number_ + 1;
  if (small)
    std::memcpy(memory_ + slot.offset, content.data(), content.size());
  else if (pwrite(file_.get(), content.data(), content.size(), slot.offset) !=
           static_cast<ssize_t>(content.size()))
    return system_error(cannot.doing);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  slot.checksum = checksum_of(slot, content);
  ++number_;
  next_ = 1 - which;
  return {};
}

void StatePage::give_room() {
  const Slot* slot = last();
  std::uint32_t from = kLargeAt, end = kSize;
  if (slot != nullptr && slot->offset == kLargeAt) from += kLarge;
  if (slot != nullptr && slot->offset == kLargeAt + kLarge) end = kLargeAt + kLarge;
  fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, end - from);
}

}  // namespace keeper
