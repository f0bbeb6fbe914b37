#include "ctl/ops/spec_change.hpp"

#include <algorithm>

namespace keeper {

Result<ChangedSpec> changed_spec(const Home& home, const AppId& id, const SpecChange& change) {
  auto before = home.read_spec(id.stem());
  if (!before) return before.error();
  ChangedSpec out{*before, {}};
  Spec& spec = out.spec;
  for (const auto& [key, value] : change.env)
    spec.env.insert_or_assign(key, value);
  for (const std::string& file : change.env_files) {
    std::erase(spec.env_file, file);  // the last one goes before
    spec.env_file.push_back(file);
  }
  if (change.refresh) spec.environment = change.environment;
  out.differences = spec_differences(*before, spec);
  return out;
}

Result<std::vector<std::string>> change_record(const Home& home, const AppId& id, const SpecChange& change) {
  auto lock = home.lock(id.stem(), Home::kLockWait);
  if (!lock) return lock.error();
  auto changed = changed_spec(home, id, change);
  if (!changed) return changed.error();
  if (!changed->differences.empty())
    if (Done done = home.write_spec(id.stem(), changed->spec); !done) return done.error();
  return std::move(changed->differences);
}

}  // namespace keeper
