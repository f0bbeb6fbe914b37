#include "keeper/cli/name_lock.hpp"

#include <unistd.h>

#include "keeper/app/kept_state.hpp"
#include "keeper/cli/app_name.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/store/find_run.hpp"
#include "protocol/store/run_signs.hpp"

namespace keeper {
namespace {

using std::string;

/// A program that lives on though its keeper is gone, and that no state page names. Its keeper finds it by
/// the record, which is written here. The pid; nothing if there is no such program. Errors: no record can be
/// written.
Result<std::optional<int>> take_up_lost(const Home& home, const AppId& id, const Spec* wanted) {
  const string stem = id.stem();
  auto page = access(home.state_path(stem).c_str(), F_OK) == 0 ? StatePage::open(home, stem)
                                                               : Result<StatePage>(Error{});
  const auto kept = page ? kept_state_in(*page) : std::nullopt;
  const auto spec = home.read_spec(stem);
  const auto record = home.read_status(stem);
  RunWish wish = wish_for(!spec && wanted != nullptr ? Result<Spec>(*wanted) : spec, record);
  const auto run = find_lost_run(home, id, wish, kept.has_value());
  if (!run) return std::optional<int>();
  Status found = status_of_found(id, record ? *record : Status(), *run);
  if (kept) found.run = std::max(found.run, kept->machine.next_run);
  if (Done done = home.write_status(stem, found, home.read_runs(stem)); !done)
    return Error{Reason::already, "start " + stem,
                 "its program still runs as pid " + std::to_string(run->pid) +
                     ", and a keeper cannot go on with it: " + done.error().text(),
                 0};
  return std::optional(run->pid);
}

/// Processes that an earlier keeper could not end, by its record, and that are still there.
std::vector<int> survivors(const Home& home, const string& stem) {
  auto status = home.read_status(stem);
  if (!status) return {};
  keep_the_living(status->survivors, *status, boot_id());
  return std::move(status->survivors);
}

string kept_by(const Home& home, const string& stem) {
  auto status = home.read_status(stem);
  bool named = status && status->keeper_pid && wrote_record(home, stem, *status, *status->keeper_pid);
  if (!named) return "it is kept already, by a keeper that is just starting";
  string out = "it is kept already, by keeper " + std::to_string(*status->keeper_pid);
  if (status->pid) out += " (program " + std::to_string(*status->pid) + ")";
  return out + "; 'ctl restart " + stem + "' restarts it, 'ctl stop " + stem + "' ends it";
}

/// The lock of one stem. While another holds it: an answering socket settles it at once, else it may be a
/// keeper that is just leaving, which is waited for.
Result<Fd> take_lock(const Home& home, const string& stem, Millis wait) {
  constexpr Millis step{10};
  for (Millis waited{0};; waited += step) {
    auto lock = home.lock(stem, Millis(0));
    if (lock || lock.error().reason != Reason::already) return lock;
    if (waited >= wait || home.connect_socket(stem))
      return Error{Reason::already, "start " + stem, kept_by(home, stem), 0};
    usleep(static_cast<useconds_t>(step.count()) * 1000);
  }
}

}  // namespace

Result<Claim> claim(const Home& home, const AppId& id, Millis wait, const Spec* wanted) {
  string stem = id.stem();
  auto lock = take_lock(home, stem, wait);
  if (!lock) return lock.error();
  if (auto left = left_behind(home, stem))
    return Claim{id, std::move(*lock), false, left->pid, left->state.keeper};
  auto lost = take_up_lost(home, id, wanted);
  if (!lost) return lost.error();
  if (*lost) return Claim{id, std::move(*lock), false, **lost};
  if (auto rest = survivors(home, stem); !rest.empty()) {
    string pids;
    for (int pid : rest)
      pids += (pids.empty() ? "pid " : ", pid ") + std::to_string(pid);
    return Error{Reason::already, "start " + stem,
                 "its last run is still there, and could not be ended: " + pids + "; end that first", 0};
  }
  return Claim{id, std::move(*lock), access(home.spec_path(stem).c_str(), F_OK) != 0};
}

Result<std::vector<Claim>> claim_all(const Home& home, Spec& spec, bool named) {
  string wish = named ? spec.name : default_name(spec);
  for (int number = 1; number < 10'000; ++number) {
    spec.name = number == 1 ? wish : wish + "-" + std::to_string(number);
    std::vector<Claim> claims;
    std::optional<Error> failed;
    for (int i = 0; i < spec.instances && !failed; ++i) {
      auto one = claim(home, {spec.name, i}, named ? Home::kLockWait : Millis(0), &spec);
      if (one)
        claims.push_back(std::move(*one));
      else
        failed = one.error();
    }
    if (failed && (named || failed->reason != Reason::already)) return *failed;
    if (failed) continue;
    if (named || claims.front().fresh) return claims;
    auto record = home.read_spec(claims.front().id.stem());
    const bool other_words = claims.front().adopts && record && record->args != spec.args;
    if (!record || (same_program(*record, spec) && !other_words)) return claims;
  }
  return Error{Reason::failed, "find a free name for " + spec.program, "10,000 are taken", 0};
}

}  // namespace keeper
