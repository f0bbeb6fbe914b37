#include "ctl/fleet/spec_change.hpp"

#include <algorithm>

namespace keeper {

Result<std::optional<Spec>> changed_spec(const Home& home, const AppId& id, const SpecChange& change) {
  if (change.empty()) return std::optional<Spec>();
  auto spec = home.read_spec(id.stem());
  if (!spec) return spec.error();
  for (const auto& [key, value] : change.env)
    spec->env.insert_or_assign(key, value);
  for (const std::string& file : change.env_files) {
    std::erase(spec->env_file, file);  // the last one goes before
    spec->env_file.push_back(file);
  }
  if (change.refresh) spec->environment = change.environment;
  return std::optional<Spec>(std::move(*spec));
}

std::vector<std::string> changes_of(const Home& home, const AppId& id, const Spec& changed) {
  auto before = home.read_spec(id.stem());
  return before ? spec_differences(*before, changed) : std::vector<std::string>();
}

}  // namespace keeper
