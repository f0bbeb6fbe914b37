// The state page: apps/NAME/state, mapped. Written content is there for the next keeper at once and without a
// system call, however this process ends.
//
// The first page holds a head with fields that are written in place (the claim of a spawn, and the pieces
// that are being written into the logs), and two slots. The content is written into the slot that does not
// hold the last one, which then becomes the last one by its number and a checksum, so a reader never sees
// half of it. Only that page is mapped, because mappings cost memory for each kept program. A content that is
// too long for its slots is written by pwrite(2) into larger ones after them.
//
// An even longer content goes behind those; both places get their blocks when one is needed first.
//
// The file has its blocks before it is mapped: a full disk is an error here, and not a signal later.
#pragma once
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "keeper/survive/inbox.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/store/home.hpp"

namespace keeper {

/// The process of a run, as one word {number of the spawn, pid}: the first process to swap it has decided.
/// The child side writes its pid just before it executes the program (and removes it if that fails); a keeper
/// that gives up on a spawn removes the claim before.
using Claimed = std::atomic<std::uint64_t>;
constexpr std::uint64_t claim_of(std::uint64_t spawn, int pid) {
  return spawn << 32 | static_cast<std::uint32_t>(pid);
}
constexpr int pid_of_claim(std::uint64_t claim) {
  return static_cast<int>(claim & 0xffffffffu);
}
constexpr std::uint32_t spawn_of_claim(std::uint64_t claim) {
  return static_cast<std::uint32_t>(claim >> 32);
}

class StatePage {
 public:
  static constexpr std::size_t kSize = 64 * 1024;
  static constexpr std::size_t kLarge = 28 * 1024;  ///< bytes of a content that has its blocks from the start
  static constexpr std::size_t kMost = 192 * 1024;  ///< bytes of a content
  static constexpr std::size_t kPlaces = 2;
  static constexpr std::size_t kPlace = 64;  ///< bytes of each place of place()

  /// Maps the page of an app, and makes it if it is missing or invalid. To be called under the app's lock.
  /// Errors: no room, no permission, a link or another user's file in its place.
  static Result<StatePage> open(const Home& home, const std::string& stem);
  /// Does the same with its open file, whatever became of its name. `path`: for errors.
  static Result<StatePage> open(Fd file, const std::string& path);
  StatePage(StatePage&& other) noexcept;
  StatePage& operator=(StatePage&& other) noexcept;
  StatePage(const StatePage&) = delete;
  ~StatePage();

  /// Returns the last content that was written completely; nothing if there is none.
  std::optional<std::string> read() const;
  /// Errors: it is longer than kMost, or there is no room for it; the last content stays.
  Done write(std::string_view content);

  /// Returns whether another process has overwritten its file or cut it short since it was opened. Contents
  /// are then lost until it is opened again (mapped_page.hpp).
  bool damaged() const { return head().magic != kMagic; }
  /// Returns a new, empty page in the same file, with the inbox at `read`. Errors: no room.
  Result<StatePage> made_anew(const std::string& path, std::uint32_t read) const;

  /// Releases the blocks that its last content does not need, as far as the file system can. Until it is
  /// opened again a content that needs them may be refused.
  void give_room();

  /// Begins a claim for that run, which no process has taken yet.
  std::uint64_t begin_claim(std::uint64_t run);
  Claimed& claim() { return head().claim; }
  /// The run of the claim; 0: none.
  std::uint64_t claim_run() const { return head().claim_run; }
  Inbox& inbox() { return head().inbox; }
  int file() const { return file_.get(); }
  /// Memory for the writer of a piece into log number `number`; zero in a new page.
  void* place(std::size_t number) { return head().places[number]; }

 private:
  static constexpr std::uint64_t kMagic = 0x31'65'74'61'74'73'6bull;  // "kstate1"
  struct Slot {
    std::uint64_t number;  ///< the higher one is the last; 0: empty
    std::uint32_t offset;
    std::uint32_t length;
    std::uint64_t checksum;  ///< of the three above and of the content
  };
  struct Head {
    std::uint64_t magic;
    Claimed claim;
    Slot slots[2];
    alignas(64) unsigned char places[kPlaces][kPlace];
    Inbox inbox;
    std::uint64_t claim_run;
  };
  static_assert(sizeof(Head) <= 512);

  StatePage(void* memory, Fd file) : memory_(static_cast<unsigned char*>(memory)), file_(std::move(file)) {}
  Head& head() const { return *reinterpret_cast<Head*>(memory_); }
  const Slot* last() const;
  std::optional<std::string> content_of(const Slot& slot) const;
  int make_room_for(std::size_t bytes);
  static std::uint64_t checksum_of(const Slot& slot, std::string_view content);

  unsigned char* memory_ = nullptr;
  Fd file_;
  std::uint32_t next_ = 0;    ///< the slot without the last content
  std::uint64_t number_ = 0;  ///< of the last content
  std::size_t room_ = 0;      ///< bytes for which each place of the longest contents has blocks
};

}  // namespace keeper
