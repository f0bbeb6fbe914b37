// What `ctl wait` waits for: NAME:CONDITION (all instances of it) or NAME:N:CONDITION. Pure: views in, yes or
// no out.
//
//   ready     confirmed that it works            exited   ended by itself, not wanted back
//   running   the same, and not suspended        fatal    given up
//   stopped   ended because somebody asked       gone     no keeper, whatever it was before
//
// stopped, exited and fatal hold when the keeper has gone too.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/client/fleet_events.hpp"

namespace keeper {

struct Condition {
  enum class Kind { ready, running, stopped, exited, fatal, gone };
  std::string text;  ///< as it was typed
  std::string name;
  std::optional<int> instance;
  Kind kind = Kind::ready;

  /// Errors: usage, saying what would be right.
  static Result<Condition> parse(std::string_view text);
  bool is_about(const AppId& id) const { return id.name == name && (!instance || *instance == id.instance); }
};
template <>
inline constexpr std::array<WordOf<Condition::Kind>, 6> kWordsOf<Condition::Kind>{
    {{Condition::Kind::ready, "ready"},
     {Condition::Kind::running, "running"},
     {Condition::Kind::stopped, "stopped"},
     {Condition::Kind::exited, "exited"},
     {Condition::Kind::fatal, "fatal"},
     {Condition::Kind::gone, "gone"}}};

using AppViews = std::map<AppId, AppView>;

/// Whether it holds for all that it is about. `instances`: how many a name has at least.
bool holds(const Condition& condition, const AppViews& apps,
           const std::function<int(const std::string&)>& instances);

/// Why it cannot come true by itself; nothing where it can.
std::optional<std::string> hopeless(const Condition& condition, const AppViews& apps);

/// "api is starting", "api:1 is not kept": what keeps it from holding.
std::string how_it_is(const Condition& condition, const AppViews& apps);

}  // namespace keeper
