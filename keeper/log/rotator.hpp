// Performs what rotation.hpp plans, on the files of one log.
//
// Every step leaves the files in an order that the next plan can go on from, so what fails is tried again
// later, and a keeper that dies in between leaves nothing to repair. So a long plan (--log-backups 100000) is
// performed in parts too: the loop is not held up by thousands of renames. The rest of a plan is kept between
// its parts, for the directory of such a log takes long to be read; after a pause, or where a file is not as
// it was, the directory counts again.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keeper/log/rotation.hpp"
#include "protocol/home/file_place.hpp"

namespace keeper {

/// The steps that are performed at once.
inline constexpr std::size_t kMostSteps = 512;

/// What came of it, and what is left to do.
struct Rotated {
  bool moved = false;       ///< PATH has another name now, or is gone
  bool unfinished = false;  ///< there were more than kMostSteps: the same call goes on
  std::size_t steps = 0;    ///< performed
  struct Compression {
    std::string from;  ///< a backup, and where its packed copy is to be written: in the log's directory
    std::string to;
  };
  std::optional<Compression> compress;
};

class Rotator {
 public:
  Rotator();
  ~Rotator();

  /// Renames PATH to PATH.1, and so on, with the rights that count there; perhaps a part of that. Errors:
  /// which step failed, and why.
  Result<Rotated> rotate(const FilePlace& log, const RotationRules& rules);
  /// Only brings the files into order (see plan_tidying).
  Result<Rotated> tidy(const FilePlace& log, const RotationRules& rules);
  /// Removes all but PATH and its index: backups, packed or not, and what was left half done; perhaps a part
  /// of that.
  Result<Rotated> remove_backups(const FilePlace& log);
  /// Gives PATH.gz.tmp, which is complete, the place of the backup that has this inode.
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

  std::unique_ptr<Rest> rest_;  ///< of a plan; null: nothing is left to do
};

}  // namespace keeper
