// What a program is spawned with besides its command and environment, ready to be given to system calls:
// nothing of it is looked up or allocated between fork and exec.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "protocol/wire/spec.hpp"

namespace keeper {

/// One call of prlimit(2).
struct ResourceLimit {
  int resource;  ///< RLIMIT_...
  std::uint64_t soft;
  std::uint64_t hard;
  std::string text;  ///< "nofile=1024:65535", for an error
};
std::vector<ResourceLimit> resource_limits(const Limits& limits);

/// Who it becomes (credentials(7)).
struct Identity {
  std::string name;
  unsigned uid;
  unsigned gid;
  std::vector<unsigned> groups;
};

struct ChildSettings {
  std::optional<unsigned> umask;
  std::optional<int> nice;
  std::string oom_score_adj;  ///< what is written into the file; empty: left as it is
  std::vector<ResourceLimit> limits;
  std::optional<Identity> identity;
  std::vector<int> inherit_fds;
};

/// From a spec. Errors: invalid (a record that was tampered with), refused (descriptors are asked for that
/// are not among `inherited`: an app that is started from its record has none).
Result<ChildSettings> make_settings(const Spec& spec, const std::vector<int>& inherited,
                                    std::optional<int> oom_score_adj = std::nullopt);

/// The uid of the user that was asked for; nothing where none was: then it is this process's.
std::optional<unsigned> user_to_run_as(const Spec& spec);

/// What the user that was asked for adds to the environment, as "K=V"; nothing where none was.
std::vector<std::string> user_environment(const Spec& spec);

}  // namespace keeper
