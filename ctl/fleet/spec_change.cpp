#include "ctl/fleet/spec_change.hpp"

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

}  // namespace keeper
