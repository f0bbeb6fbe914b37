// The settings of a spawn besides command and environment, ready for system calls: nothing is looked up or
// allocated between fork and exec.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "protocol/wire/spec.hpp"

namespace keeper {

/// The arguments of one prlimit(2) call.
struct ResourceLimit {
  int resource;  ///< RLIMIT_...
  std::uint64_t soft;
  std::uint64_t hard;
  std::string text;  ///< "nofile=1024:65535", for an error
};
std::vector<ResourceLimit> resource_limits(const Limits& limits);

/// The user and groups of the program (credentials(7)).
struct Identity {
  std::string name;
  unsigned uid;
  unsigned gid;
  std::vector<unsigned> groups;
};

struct ChildSettings {
  std::optional<unsigned> umask;
  std::optional<int> nice;
  std::string oom_score_adj;  ///< written into the file; empty: unchanged
  std::vector<ResourceLimit> limits;
  std::optional<Identity> identity;
  std::vector<int> inherit_fds;
};

/// Makes the settings from a spec. Errors: invalid (a record that was tampered with), refused (a wanted
/// descriptor is not among `inherited`: an app that is started from its record has none).
Result<ChildSettings> make_settings(const Spec& spec, const std::vector<int>& inherited,
                                    std::optional<int> oom_score_adj = std::nullopt);

/// Returns the uid of the given user; nothing if none was given: then it is this process's.
std::optional<unsigned> user_to_run_as(const Spec& spec);

/// Returns what the given user adds to the environment, as "K=V"; nothing if none was given.
std::vector<std::string> user_environment(const Spec& spec);

}  // namespace keeper
