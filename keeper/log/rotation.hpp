// Plans which files of a log are renamed, removed and compressed, and in which order, from the files on disk.
//
// The files of a log are a chain: PATH is the youngest, PATH.1 older, PATH.2 older still; PATH.N.gz replaces
// a PATH.N that was compressed, PATH.N.idx beside PATH.N is its index of times. A rotation makes room from
// the old end on and then renames PATH to PATH.1; the writer begins a new PATH.
//
// The files themselves are the only state of a rotation: after a failed step, or a death between two steps,
// a new plan from the files comes to the same end. For that
//   - only the lowest gap in the chain is closed: an interrupted rotation left one, and continues there
//   - no step overwrites anything; a file to be dropped is removed first
//   - an index is renamed before its file, so an index without a file waits in the file's future place
//   - PATH.gz.tmp becomes PATH.N.gz when it is complete; a remaining PATH.N is obsolete then
// A number whose name is taken by a directory or the like is skipped; if no other is left, nothing rotates.
// A reader can rely on three things meanwhile: a file only moves up, none overtakes another, and at most one
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

/// A file of the log's directory. Files that do not belong to the log are skipped.
struct DirectoryEntry {
  std::string name;  ///< without the directory
  std::uint64_t size = 0;
  bool regular = true;
};

struct RotationRules {
  int backups = 10;
  /// The size of one file; 0: no bound. A file may be larger, to end a line; all of them together are not
  /// larger than so many of this size, plus kLineEnds.
  std::uint64_t max_size = 0;
  std::optional<std::uint64_t> max_total = {};  ///< of the backups and a PATH that has grown to max_size
  bool compress = false;
  bool compressing = false;  ///< PATH.gz.tmp is being written: keep it, and begin no other
};

/// The excess over their sizes that all files of a log may have together: the ends of their last lines.
inline constexpr std::uint64_t kLineEnds = 256 << 10;

struct RotationStep {
  enum class Kind { rename, remove, compress };
  Kind kind;
  std::string from;  ///< the file that is renamed, removed or compressed
  std::string to;    ///< its new name; for compress: the file to write, which does not exist
  bool operator==(const RotationStep&) const = default;
};
using RotationPlan = std::vector<RotationStep>;

/// Plans the rotation of the log `base` ("api.log") now.
RotationPlan plan_rotation(std::string_view base, std::span<const DirectoryEntry> files,
                           const RotationRules& rules);
/// Plans no rotation, but cleans up: the rest of an interrupted rotation, too many or too large files, files
/// to be compressed. For the start, and after a rotation.
RotationPlan plan_tidying(std::string_view base, std::span<const DirectoryEntry> files,
                          const RotationRules& rules);
/// Plans what follows when PATH.gz.tmp is complete and on disk (fsync): it replaces the backup that it was
/// made of, which is PATH.`number` by now. 0: that backup is gone.
RotationPlan plan_compressed(std::string_view base, std::span<const DirectoryEntry> files, int number);

}  // namespace keeper
