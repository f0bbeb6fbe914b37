#include "ctl/ops/targets.hpp"

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

bool Target::means(const Row& row) const {
  if (kind != Kind::pid) return may_mean(row.id);
  const Status& s = row.status;
  return s.pid == pid || s.keeper_pid == pid || s.guard_pid == pid;
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

namespace {

/// The row whose run with this pid is the newest; rows.size() if there is none.
std::size_t newest_run(const std::vector<Row>& rows, int pid, const EarlierRun& earlier) {
  std::size_t found = rows.size();
  WallTime newest{};
  for (std::size_t i = 0; i < rows.size() && earlier; ++i) {
    auto ended = earlier(rows[i], pid);
    if (!ended || (found < rows.size() && *ended <= newest)) continue;
    found = i;
    newest = *ended;
  }
  return found;
}

}  // namespace

Selection choose(const std::vector<Target>& targets, std::vector<Row> rows, const EarlierRun& earlier) {
  struct Choice {
    bool chosen = false, is_explicit = false;
    int earlier_pid = 0;
  };
  Selection out;
  std::vector<Choice> choices(rows.size());
  for (const Target& target : targets) {
    bool found = false;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!target.means(rows[i])) continue;
      found = true;
      choices[i] = {true, choices[i].is_explicit || target.is_explicit(), 0};
    }
    if (found || target.kind == Target::Kind::all) continue;
    std::size_t i = target.kind == Target::Kind::pid ? newest_run(rows, target.pid, earlier) : rows.size();
    if (i == rows.size())
      out.missing.push_back(target);
    else if (!choices[i].chosen)
      choices[i] = {true, true, target.pid};
  }
  out.apps.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (choices[i].chosen)
      out.apps.push_back({std::move(rows[i]), choices[i].is_explicit, choices[i].earlier_pid});
  return out;
}

}  // namespace keeper
