#include "ctl/ops/conditions.hpp"

#include <climits>

namespace keeper {
namespace {

using Kind = Condition::Kind;

bool holds_for(Kind kind, const AppView& app) {
  switch (kind) {
    case Kind::gone: return !app.kept;
    case Kind::ready: return app.known && app.kept && app.ready;
    case Kind::running: return app.known && app.kept && app.ready && app.state == State::running;
    case Kind::stopped: return app.known && !app.kept && app.state == State::stopped;
    case Kind::exited: return app.known && !app.kept && app.state == State::exited;
    case Kind::fatal: return app.known && !app.kept && app.state == State::fatal;
  }
  return false;
}

Error usage(std::string_view text, const std::string& why) {
  return {Reason::usage, "",
          "'" + std::string(text) + "': " + why +
              "; a condition is NAME:WORD or NAME:N:WORD with ready, running, stopped, exited, fatal or gone",
          0};
}

std::string words_for(const AppView& app) {
  if (!app.known) return "does not answer";
  std::string out = "is " + std::string(word_for(app.state));
  if (app.kept && !has_keeper(app.state)) return out + ", and its keeper is about to go";
  return app.reason.empty() ? out : out + " (" + app.reason + ")";
}

}  // namespace

Result<Condition> Condition::parse(std::string_view text) {
  Condition out;
  out.text = text;
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return usage(text, "there is no condition");
  auto kind_of = value_for<Kind>(text.substr(colon + 1));
  if (!kind_of) return usage(text, "no condition '" + std::string(text.substr(colon + 1)) + "'");
  out.kind = *kind_of;
  std::string_view app = text.substr(0, colon);
  auto second = app.find(':');
  out.name = app.substr(0, second);
  if (second != std::string_view::npos) {
    auto instance = parse_number(app.substr(second + 1), 0, INT_MAX);
    if (!instance) return usage(text, "what follows NAME: is the number of an instance");
    out.instance = static_cast<int>(*instance);
  }
  if (Done done = check_name(out.name); !done) return usage(text, done.error().why());
  return out;
}

bool holds(const Condition& condition, const AppViews& apps,
           const std::function<int(const std::string&)>& instances) {
  int seen = 0;
  for (const auto& [id, app] : apps) {
    if (!condition.is_about(id)) continue;
    ++seen;
    if (!holds_for(condition.kind, app)) return false;
  }
  if (condition.kind == Kind::gone) return true;
  if (seen == 0) return false;
  return condition.instance || seen >= instances(condition.name);
}

std::optional<std::string> hopeless(const Condition& condition, const AppViews& apps) {
  if (condition.kind != Kind::ready && condition.kind != Kind::running) return std::nullopt;
  for (const auto& [id, app] : apps) {
    if (!condition.is_about(id) || app.kept || !app.known) continue;
    if (app.state == State::fatal || app.state == State::exited) return id.stem() + " " + words_for(app);
  }
  return std::nullopt;
}

std::string how_it_is(const Condition& condition, const AppViews& apps) {
  std::string out;
  for (const auto& [id, app] : apps)
    if (condition.is_about(id) && !holds_for(condition.kind, app))
      out += (out.empty() ? "" : ", ") + id.stem() + " " + words_for(app);
  if (!out.empty()) return out;
  return condition.name + (condition.instance ? ":" + std::to_string(*condition.instance) : "") +
         " is not there" + (condition.instance ? "" : ", or not all of its instances are");
}

}  // namespace keeper
