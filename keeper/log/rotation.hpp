// Which files of a log are renamed, removed and compressed, in which order: a plan, made from what is on
// disk.
//
// The files of a log are a chain: PATH is the youngest, PATH.1 older, PATH.2 older still; PATH.N.gz stands in
// the place of a PATH.N that was compressed, PATH.N.idx beside PATH.N is its index of times. A rotation makes
// room from the old end on and then renames PATH to PATH.1; who writes begins a new PATH.
//
// Nothing about a rotation is remembered but the files themselves: whoever fails at a step, or dies between
// two, plans again from what is there, and comes to the same end. For that
//   - only the lowest gap in the chain is closed: a rotation that was broken off left one, and goes on there
//   - no step overwrites anything; what is to be dropped is removed first
//   - an index is renamed before its file, so one without a file waits for it in the place where it goes
//   - PATH.gz.tmp becomes PATH.N.gz when it is complete; where PATH.N is still there, it is done with
// A number whose name is taken by a directory or the like is passed over; where no other is left, nothing
// rotates. Who reads meanwhile can rely on: a file only moves up, none overtakes another, and at most one
// name is missing.
//
// Pure: names and sizes in, steps out. A step that fails stops the rest: plan again then, at once or later.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keeper {

/// A file of the log's directory. Those that do not belong to the log are passed over.
struct DirectoryEntry {
  std::string name;  ///< without the directory
  std::uint64_t size = 0;
  bool regular = true;
};

struct RotationRules {
  int backups = 10;
  /// Of one file, 0: no bound. A file may be larger, to end a line; all of them together are not larger than
  /// so many of this size, but for kLineEnds.
  std::uint64_t max_size = 0;
  std::optional<std::uint64_t> max_total = {};  ///< of the backups and a PATH that has grown to max_size
  bool compress = false;
  bool compressing = false;  ///< PATH.gz.tmp is being written: leave it, and begin no other
};

/// What the files of a log may exceed their sizes by, all together: the ends of their last lines.
inline constexpr std::uint64_t kLineEnds = 256 << 10;

struct RotationStep {
  enum class Kind { rename, remove, compress };
  Kind kind;
  std::string from;  ///< what is renamed, removed, or compressed
  std::string to;    ///< what it is called then; of compress: the file to write, not there yet
  bool operator==(const RotationStep&) const = default;
};
using RotationPlan = std::vector<RotationStep>;

/// Rotates the log called `base` ("api.log") now.
RotationPlan plan_rotation(std::string_view base, std::span<const DirectoryEntry> files,
                           const RotationRules& rules);
/// Does not rotate, but brings the files into order: what a broken-off rotation left, what is too many or too
/// large by now, what is to be compressed. For the start, and after a rotation.
RotationPlan plan_tidying(std::string_view base, std::span<const DirectoryEntry> files,
                          const RotationRules& rules);
/// PATH.gz.tmp is complete and on disk (fsync): it takes the place of the backup it was made of, which is
/// PATH.`number` by now. 0: that backup is gone.
RotationPlan plan_compressed(std::string_view base, std::span<const DirectoryEntry> files, int number);

}  // namespace keeper
