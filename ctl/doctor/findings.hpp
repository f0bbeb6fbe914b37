// What is wrong, by what was gathered. Pure.
#pragma once
#include <vector>

#include "ctl/doctor/facts.hpp"
#include "protocol/wire/finding.hpp"

namespace keeper {

/// How a finding is mended, where that is safe. All but `mode` is done under the lock of `stem`.
struct Mend {
  enum class Kind { none, socket, pid_file, leftover, removal, mode, no_lock };
  Kind kind = Kind::none;
  std::string stem{};
  std::string path{};
  unsigned mode = 0;
  int pid = 0;
};

struct Found {
  Finding finding;
  Mend mend{};
};

/// Everything, the home first, then app by app.
std::vector<Found> findings(const HomeFacts& home);

std::vector<Found> app_findings(const HomeFacts& home, const AppFacts& app);
std::vector<Found> system_findings(const HomeFacts& home);
/// Of something that is to be the user's own and nobody else's.
std::vector<Found> path_findings(const HomeFacts& home, const PathFacts& path,
                                 const std::optional<std::string>& app);

/// A home that cannot be used at all.
Finding refused_home(const Error& error);

/// "WHAT; REMEDY", as errors are worded, in its two parts; `otherwise` where there is but one.
Finding in_two_parts(const std::string& text, const std::string& otherwise);

}  // namespace keeper
