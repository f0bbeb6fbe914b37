#include "keeper/child/settings.hpp"

#include <unistd.h>

#include <algorithm>

#include "keeper/child/account.hpp"

namespace keeper {
namespace {

Error not_inherited(int fd) {
  return Error{Reason::refused, "pass on descriptor " + std::to_string(fd),
               "an app that is started from its record has none of its caller's; start it with keeper "
               "--inherit-fds",
               0};
}

}  // namespace

std::vector<ResourceLimit> resource_limits(const Limits& limits) {
  std::vector<ResourceLimit> out;
  for (const Resource& resource : resources())
    if (auto found = limits.find(resource.name); found != limits.end())
      out.push_back({resource.number, found->second.soft, found->second.hard,
                     limit_text(resource.name, found->second)});
  return out;
}

Result<ChildSettings> make_settings(const Spec& spec, const std::vector<int>& inherited,
                                    std::optional<int> oom_score_adj) {
  ChildSettings out;
  if (spec.umask) out.umask = spec.umask->bits;
  if (spec.nice) out.nice = spec.nice->value;
  if (spec.oom_score_adj) oom_score_adj = spec.oom_score_adj->value;
  if (oom_score_adj) out.oom_score_adj = std::to_string(*oom_score_adj);
  out.limits = resource_limits(spec.limits);
  for (int fd : spec.inherit_fds) {
    if (std::find(inherited.begin(), inherited.end(), fd) == inherited.end()) return not_inherited(fd);
    out.inherit_fds.push_back(fd);
  }
  if (spec.run_as.empty()) return out;
  auto account = read_account(spec.run_as);
  if (!account) return account.error();
  if (geteuid() != 0 && geteuid() != account->uid)
    return Error{Reason::refused, "run as " + account->name, "that needs root", 0};
  if (geteuid() == 0)  // otherwise it is the caller's own account, and no change is needed
    out.identity = Identity{account->name, account->uid, account->gid, std::move(account->groups)};
  return out;
}

std::optional<unsigned> user_to_run_as(const Spec& spec) {
  if (spec.run_as.empty()) return std::nullopt;
  auto account = read_account(spec.run_as);
  return account ? std::optional(account->uid) : std::nullopt;
}

std::vector<std::string> user_environment(const Spec& spec) {
  auto account = read_account(spec.run_as);
  return account ? account_environment(*account) : std::vector<std::string>();
}

}  // namespace keeper
