#include "ctl/fleet/targets.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <climits>

namespace keeper {
namespace {

constexpr std::string_view kDigits = "0123456789";

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of(kDigits) == std::string_view::npos;
}

bool fits(const std::string& pattern, const std::string& text) {
  return fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

Error no_target(const std::string& why) {
  return {Reason::usage, "", "that is no TARGET: " + why, 0};
}

Result<Target> parse_pid(std::string_view text, Target out) {
  auto number = parse_number(text, 1, INT_MAX);
  if (!number) return no_target("a number is a process id, and this is none");
  out.kind = Target::Kind::pid;
  out.pid = static_cast<int>(*number);
  return out;
}

/// NAME or NAME:N.
Result<Target> parse_app(std::string_view text, Target out) {
  std::size_t colon = text.find(':');
  out.kind = colon == std::string_view::npos ? Target::Kind::name : Target::Kind::instance;
  out.id.name = text.substr(0, colon);
  if (out.kind == Target::Kind::instance) {
    auto instance = parse_number(text.substr(colon + 1), 0, INT_MAX);
    if (!instance) return no_target("what follows ':' is the number of an instance");
    out.id.instance = static_cast<int>(*instance);
  }
  if (Done done = check_name(out.id.name); !done) return Error{Reason::usage, "", done.error().why(), 0};
  return out;
}

}  // namespace

Result<Target> Target::parse(std::string_view text) {
  Target out;
  out.text = text;
  if (text == "all") return out;
  if (is_number(text)) return parse_pid(text, std::move(out));
  if (text.find_first_of("*?[") == std::string_view::npos) return parse_app(text, std::move(out));
  out.kind = Kind::glob;
  return out;
}

bool Target::may_mean(const AppId& other) const {
  switch (kind) {
    case Kind::all:
    case Kind::pid: return true;
    case Kind::name: return other.name == id.name;
    case Kind::instance: return other == id;
    case Kind::glob: return fits(text, other.name) || fits(text, other.stem());
  }
  return false;
}

bool Target::means(const Row& row, bool earlier_runs) const {
  if (kind != Kind::pid) return may_mean(row.id);
  const Status& s = row.status;
  if (s.pid == pid || s.keeper_pid == pid || s.guard_pid == pid) return true;
  return earlier_runs && s.last_exit && s.last_exit->pid == pid;
}

std::string Target::nothing_found(const std::string& home) const {
  switch (kind) {
    case Kind::pid: return "no app in " + home + " has this process";
    case Kind::glob: return "no app in " + home + " has such a name";
    default: return "no such app in " + home;
  }
}

std::function<bool(const AppId&)> who_to_ask(const std::vector<Target>& targets) {
  return [&targets](const AppId& id) {
    return std::any_of(targets.begin(), targets.end(), [&](const Target& t) { return t.may_mean(id); });
  };
}

Selection choose(const std::vector<Target>& targets, std::vector<Row> rows, bool earlier_runs) {
  Selection out;
  std::vector<bool> found(targets.size(), false);
  for (Row& row : rows) {
    bool chosen = false, is_explicit = false;
    for (std::size_t i = 0; i < targets.size(); ++i) {
      if (!targets[i].means(row, earlier_runs)) continue;
      found[i] = chosen = true;
      is_explicit = is_explicit || targets[i].is_explicit();
    }
    if (chosen) out.apps.push_back({std::move(row), is_explicit});
  }
  for (std::size_t i = 0; i < targets.size(); ++i)
    if (!found[i] && targets[i].kind != Target::Kind::all) out.missing.push_back(targets[i]);
  return out;
}

}  // namespace keeper
