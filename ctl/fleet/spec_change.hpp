// A change of what an app is configured with, from its next run on.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/home/home.hpp"

namespace keeper {

struct SpecChange {
  std::map<std::string, std::string> env;
  std::vector<std::string> env_files;  ///< absolute
  bool refresh = false;                ///< the caller's variables instead of those of whoever started it
  std::vector<std::string> environment;

  bool empty() const { return env.empty() && env_files.empty() && !refresh; }
};

/// The app's spec with that changed; nothing where nothing is to be changed. Errors: it has no readable
/// record.
Result<std::optional<Spec>> changed_spec(const Home& home, const AppId& id, const SpecChange& change);

/// What is another in that spec than in the record, for people.
std::vector<std::string> changes_of(const Home& home, const AppId& id, const Spec& changed);

}  // namespace keeper
