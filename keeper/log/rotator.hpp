// Performs what rotation.hpp plans, on the files of one log.
//
// Every step leaves the files in an order that the next plan can go on from, so what fails is tried again
// later, and a keeper that dies in between leaves nothing to repair.
#pragma once
#include <optional>
#include <string>

#include "keeper/log/rotation.hpp"
#include "protocol/home/file_place.hpp"

namespace keeper {

/// What is left to do after the files are in order.
struct Rotated {
  struct Compression {
    std::string from;  ///< a backup, and where its packed copy is to be written: in the log's directory
    std::string to;
  };
  std::optional<Compression> compress;
};

/// Renames PATH to PATH.1, and so on, with the rights that count there. Errors: which step failed, and why.
Result<Rotated> rotate_files(const FilePlace& log, const RotationRules& rules);
/// Only brings the files into order (see plan_tidying).
Result<Rotated> tidy_files(const FilePlace& log, const RotationRules& rules);
/// PATH.gz.tmp is complete: it takes the place of the backup that has this inode.
Done place_compressed(const FilePlace& log, std::uint64_t inode);
/// Removes all but PATH and its index: backups, packed or not, and what was left half done.
Done remove_backups(const FilePlace& log);

}  // namespace keeper
