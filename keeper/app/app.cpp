#include "keeper/app/app.hpp"

#include "keeper/core/policy.hpp"
#include "protocol/base/proc.hpp"

namespace keeper {
namespace {

std::uint64_t jitter_seed() {
  return static_cast<std::uint64_t>(getpid()) * 2654435761u + 1;
}

}  // namespace

App::App(RoleTable role, Home its_home, Spec its_spec, std::vector<RunRecord> runs, Snapshot snapshot)
    : table(std::move(role)),
      boot_id(keeper::boot_id()),
      home(std::move(its_home)),
      spec(std::move(its_spec)),
      user(home.acting_user(spec)),
      machine(make_policy(spec, jitter_seed()), std::move(snapshot)),
      recorder(std::move(runs), spec.restart) {}

std::string App::log_path() const {
  return spec.log.empty() ? home.log_path(stem()) : spec.log;
}

std::string App::error_log_path() const {
  return spec.error_log == "apart" ? home.error_log_path(stem()) : spec.error_log;
}

}  // namespace keeper
