#include "keeper/child/account.hpp"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "keeper/child/getent.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

File open_file(const char* path) {
  return File(std::fopen(path, "re"), std::fclose);
}

/// Makes getent's output readable as the file that it stands for.
File as_file(string& text) {
  return File(text.empty() ? nullptr : fmemopen(text.data(), text.size(), "r"), std::fclose);
}

/// "+" and "-" begin lines about another service (nsswitch.conf(5), compat); their ids are 0.
bool speaks_of_another_service(const char* name) {
  return name[0] == '+' || name[0] == '-';
}

std::optional<Account> user_in(std::FILE* file, string_view who) {
  auto id = parse_id(who);
  for (const passwd* p = file ? fgetpwent(file) : nullptr; p != nullptr; p = fgetpwent(file))
    if (!speaks_of_another_service(p->pw_name) && (id ? p->pw_uid == *id : p->pw_name == who))
      return Account{p->pw_name, p->pw_uid, p->pw_gid, {}, p->pw_dir, p->pw_shell};
  return std::nullopt;
}

struct FoundUser {
  Account account;
  bool local;  ///< the file has it
};

std::optional<FoundUser> find_user(string_view who, const AccountSources& sources) {
  if (auto local = user_in(open_file(sources.passwd).get(), who)) return FoundUser{*local, true};
  string said = ask_getent(sources.getent, "passwd", string(who));
  if (auto known = user_in(as_file(said).get(), who)) return FoundUser{*known, false};
  return std::nullopt;
}

std::optional<unsigned> group_in(std::FILE* file, string_view name) {
  for (const group* g = file ? fgetgrent(file) : nullptr; g != nullptr; g = fgetgrent(file))
    if (!speaks_of_another_service(g->gr_name) && g->gr_name == name) return g->gr_gid;
  return std::nullopt;
}

std::optional<unsigned> find_group(string_view name, const AccountSources& sources) {
  if (auto id = parse_id(name)) return id;
  if (auto local = group_in(open_file(sources.group).get(), name)) return local;
  string said = ask_getent(sources.getent, "group", string(name));
  return group_in(as_file(said).get(), name);
}

std::vector<unsigned> groups_of_file(const string& name, const AccountSources& sources) {
  std::vector<unsigned> out;
  File file = open_file(sources.group);
  for (const group* g = file ? fgetgrent(file.get()) : nullptr; g != nullptr; g = fgetgrent(file.get()))
    for (char** member = g->gr_mem; *member != nullptr; ++member)
      if (name == *member) out.push_back(g->gr_gid);
  return out;
}

/// Reads "web   27 33": a name and numbers.
std::vector<unsigned> groups_of_getent(const string& name, const AccountSources& sources) {
  std::vector<unsigned> out;
  string said = ask_getent(sources.getent, "initgroups", name);
  string_view rest = said;
  rest = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(rest.size(), name.size()));
  while (!rest.empty()) {
    rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(' ')));
    string_view word = rest.substr(0, rest.find(' '));
    if (auto id = parse_id(word)) out.push_back(*id);
    rest.remove_prefix(word.size());
  }
  return out;
}

void take_groups(Account& account, std::vector<unsigned> groups) {
  groups.push_back(account.gid);
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  account.groups = std::move(groups);
}

Error missing(const char* kind, string_view who) {
  return Error{Reason::not_found,
               {},
               string("there is no ") + kind + " '" + string(who) + "' (a name that 'getent " +
                   (string_view(kind) == "user" ? "passwd" : "group") + "' shows, or a number)",
               0};
}

}  // namespace

Result<Account> find_account(string_view who, const AccountSources& sources) {
  auto colon = who.find(':');
  string_view user = who.substr(0, colon);
  string_view wanted_group = colon == string_view::npos ? string_view() : who.substr(colon + 1);
  if (user.empty() || (colon != string_view::npos && wanted_group.empty()))
    return Error{Reason::invalid, {}, "'" + string(who) + "' is not USER or USER:GROUP", 0};
  auto found = find_user(user, sources);
  auto id = parse_id(user);
  if (!found && !id) return missing("user", user);
  if (!found && wanted_group.empty())
    return Error{
        Reason::not_found,
        {},
        "there is no user of that number, so its group is to be given too: " + string(user) + ":GROUP",
        0};
  Account out = found ? found->account : Account{string(user), *id, 0, {}, "/", "/bin/sh"};
  if (!wanted_group.empty()) {
    auto gid = find_group(wanted_group, sources);
    if (!gid) return missing("group", wanted_group);
    out.gid = *gid;
  }
  if (out.uid > kMostId || out.gid > kMostId) return missing("user", user);
  std::vector<unsigned> groups;
  if (found) groups = found->local ? groups_of_file(out.name, sources) : groups_of_getent(out.name, sources);
  take_groups(out, std::move(groups));
  return out;
}

std::optional<Account> find_local_account(string_view who, const AccountSources& sources) {
  const auto colon = who.find(':');
  auto out = user_in(open_file(sources.passwd).get(), who.substr(0, colon));
  if (!out) return std::nullopt;
  if (colon != string_view::npos) {
    const string_view name = who.substr(colon + 1);
    const auto id = parse_id(name);
    const auto group = id ? id : group_in(open_file(sources.group).get(), name);
    if (!group) return std::nullopt;
    out->gid = *group;
  }
  take_groups(*out, groups_of_file(out->name, sources));
  return out;
}

string user_name(unsigned uid, const AccountSources& sources) {
  string number = std::to_string(uid);
  auto found = find_user(number, sources);
  return found && !found->account.name.empty() ? found->account.name : number;
}

std::vector<string> account_environment(const Account& account) {
  string shell = account.shell.empty() ? "/bin/sh" : account.shell;  // the default of passwd(5)
  return {"HOME=" + (account.home.empty() ? "/" : account.home), "USER=" + account.name,
          "LOGNAME=" + account.name, "SHELL=" + shell};
}

}  // namespace keeper
