// ctl wait
#include <algorithm>
#include <cstdio>

#include "ctl/cli/arguments.hpp"
#include "ctl/cli/context.hpp"
#include "ctl/commands/all.hpp"
#include "ctl/ops/conditions.hpp"
#include "protocol/base/escape.hpp"

namespace keeper {
namespace {

using Conditions = std::vector<Condition>;

void complain(const std::string& what, const std::string& why) {
  std::fprintf(stderr, "ctl: cannot wait for %s: %s\n", escaped(what).c_str(), escaped(why).c_str());
}

/// As its configuration says: an instance that is still to come counts.
int instances_of(const FleetEvents& fleet, const std::string& name) {
  if (!fleet.home()) return 1;
  auto spec = fleet.home()->read_spec(name);
  return spec ? spec->instances : 1;
}

Conditions missing(const Conditions& all, const FleetEvents& fleet) {
  Conditions out;
  auto instances = [&](const std::string& name) { return instances_of(fleet, name); };
  for (const Condition& one : all)
    if (!holds(one, fleet.apps(), instances)) out.push_back(one);
  return out;
}

/// Nobody said how long: what cannot come true by itself is not waited for. True: it was said.
bool give_up(const Conditions& rest, const FleetEvents& fleet) {
  bool any = false;
  for (const Condition& one : rest)
    if (auto why = hopeless(one, fleet.apps())) {
      complain(one.text, *why + ", and stays so by itself; --timeout would wait all the same");
      any = true;
    }
  return any;
}

int wait_for(const Conditions& all, FleetEvents& fleet, const std::optional<Millis>& timeout) {
  Deadline deadline = whole_command(timeout);
  std::vector<pollfd> none;
  while (true) {
    Conditions rest = missing(all, fleet);
    if (rest.empty()) return exit_code::done;
    if (!timeout && give_up(rest, fleet)) return exit_code::failed;
    if (deadline.passed()) {
      for (const Condition& one : rest)
        complain(one.text, "it took too long; " + how_it_is(one, fleet.apps()));
      return exit_code::partly;
    }
    auto events = fleet.wait(deadline, none);
    if (events) continue;
    complain(all.front().text, events.error().text());
    return exit_code::failed;
  }
}

int run(Arguments& arguments) {
  std::vector<std::string> words;
  std::optional<Millis> timeout;
  arguments.words(words, "CONDITION", 1);
  arguments.duration("--timeout", timeout, "give up after so long (default: no limit)");
  if (auto code = arguments.parse()) return *code;
  Conditions conditions;
  for (const std::string& word : words) {
    auto condition = Condition::parse(word);
    if (!condition) return arguments.wrong(condition.error().why());
    conditions.push_back(std::move(*condition));
  }
  auto path = Home::default_path();
  if (!path) return complain(words.front(), path.error().text()), exit_code::failed;
  auto fleet = FleetEvents::open(*path, [&](const AppId& id) {
    return std::any_of(conditions.begin(), conditions.end(),
                       [&](const Condition& c) { return c.is_about(id); });
  });
  if (!fleet) return complain(words.front(), fleet.error().text()), exit_code::failed;
  return wait_for(conditions, *fleet, timeout);
}

}  // namespace

Command wait_command() {
  return {
      "wait",
      0,
      {},
      "CONDITION...",
      "Returns when all conditions hold at the same time.",
      "A CONDITION is NAME:WORD (all instances) or NAME:N:WORD (one of them). The words: ready (it has\n"
      "confirmed that it works), running (the same, and not suspended), stopped, exited, fatal, gone (no\n"
      "keeper). Apps that are not there yet are waited for. Without --timeout, an app that is fatal or "
      "exited\n"
      "is not waited for to become ready: exit code 1. At the timeout: exit code 5.\n",
      "  ctl wait api:ready                          until api works\n"
      "  ctl wait api:ready db:0:ready --timeout 30s until both work, 30 s at most\n"
      "  ctl wait job:exited                         until the job is over\n",
      run};
}

}  // namespace keeper
