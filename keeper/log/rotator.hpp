// Performs the plans of rotation.hpp on the files of one log.
//
// Every step leaves the files in an order from which the next plan can continue, so a failed step is retried
// later, and a keeper that dies in between leaves nothing to repair. A long plan (--log-backups 100000) is
// performed in parts, so that thousands of renames do not hold up the loop. The rest of a plan is kept
// between its parts, because reading the directory of such a log takes long; after a pause, or if a file is
// not as it was, the directory is read again.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keeper/log/rotation.hpp"
#include "protocol/base/file_place.hpp"
#include "protocol/base/result.hpp"

namespace keeper {

/// Most steps that are performed at once.
inline constexpr std::size_t kMostSteps = 512;

/// The result, and the remaining work.
struct Rotated {
  bool moved = false;       ///< PATH has another name now, or is gone
  bool unfinished = false;  ///< there were more than kMostSteps: the same call continues
  std::size_t steps = 0;    ///< performed
  struct Compression {
    std::string from;  ///< a backup, and the destination of its packed copy: in the log's directory
    std::string to;
  };
  std::optional<Compression> compress;
};

class Rotator {
 public:
  Rotator();
  ~Rotator();

  /// Renames PATH to PATH.1, and so on, with the rights that count there; possibly only a part of that.
  /// Errors: the failed step, and why.
  Result<Rotated> rotate(const FilePlace& log, const RotationRules& rules);
  /// Only cleans up the files (see plan_tidying).
  Result<Rotated> tidy(const FilePlace& log, const RotationRules& rules);
  /// Removes all except PATH and its index: backups, packed or not, and incomplete files; possibly only a
  /// part of that.
  Result<Rotated> remove_backups(const FilePlace& log);
  /// Moves PATH.gz.tmp, which is complete, to the place of the backup that has this inode.
  Done place_compressed(const FilePlace& log, std::uint64_t inode);

 private:
  enum class Doing { rotating, tidying, packing, removing };
  struct Place;
  struct Rest;
  static Result<Place> place_of(const FilePlace& log);
  static int number_of(const Place& place, const std::vector<DirectoryEntry>& files, std::uint64_t inode);
  bool goes_on(const Place& place, Doing doing) const;
  Result<Rotated> perform(const Place& place);
  template <class Plan>
  Result<Rotated> carry_out(const FilePlace& log, Doing doing, Plan plan);

  std::unique_ptr<Rest> rest_;  ///< of a plan; null: no work is left
};

}  // namespace keeper
