// A change of what an app is configured with, from its next run on.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "protocol/store/home.hpp"

namespace keeper {

struct SpecChange {
  std::map<std::string, std::string> env;
  std::vector<std::string> env_files;  ///< absolute
  bool refresh = false;                ///< the caller's variables instead of those of whoever started it
  std::vector<std::string> environment;

  bool empty() const { return env.empty() && env_files.empty() && !refresh; }
};

struct ChangedSpec {
  Spec spec;
  std::vector<std::string> differences;  ///< from the record, for people
};

/// The app's spec with that changed. Errors: it has no readable record.
Result<ChangedSpec> changed_spec(const Home& home, const AppId& id, const SpecChange& change);

/// Writes it into the record of an app that has no keeper: from its next start on. Results: the differences,
/// for people. Errors: it has no readable record, or a keeper by now (already), or the record cannot be
/// written.
Result<std::vector<std::string>> change_record(const Home& home, const AppId& id, const SpecChange& change);

}  // namespace keeper
