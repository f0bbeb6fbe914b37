// ctl list
#include <unistd.h>

#include <cstdio>

#include "ctl/cli/arguments.hpp"
#include "ctl/cli/context.hpp"
#include "ctl/commands/all.hpp"
#include "ctl/ops/upgrade.hpp"
#include "ctl/output/app_table.hpp"
#include "protocol/wire/codec.hpp"

namespace keeper {
namespace {

/// A keeper's own words where it answered: a newer one may say more than this program knows.
void print_json(std::vector<Chosen>& apps) {
  std::vector<std::string_view> objects;
  objects.reserve(apps.size());
  for (Chosen& app : apps) {
    if (app.row.json.empty()) app.row.json = write_as(app.row.status);
    objects.push_back(app.row.json);
  }
  std::string text = json_for_stdout(json_list(objects)) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_table(const std::vector<Chosen>& apps, bool all, bool wide) {
  std::vector<Status> list;
  for (const Chosen& app : apps) {
    list.push_back(app.row.status);
    const Status& s = app.row.status;
    if (wide && s.keeper_pid && is_stale(*s.keeper_pid).value_or(false)) list.back().version += " stale";
  }
  std::fputs(app_table(list, {terminal_width(), colours_on_stdout(), wide}, wall_now()).c_str(), stdout);
  if (list.empty() && all && isatty(STDOUT_FILENO) != 0)
    std::fputs("nothing is kept; keeper -d ./program starts something\n", stderr);
}

int run(Arguments& arguments) {
  std::vector<std::string> targets;
  bool json = false, wide = false;
  std::optional<Millis> timeout;
  arguments.words(targets, "TARGET", 0);
  arguments.flag("--json", json, "an array of JSON objects, and nothing but that on stdout");
  arguments.flag("-w,--wide", wide,
                 "also when it started, its log, its user, what comes next, keeper's version (stale: another "
                 "is installed)");
  arguments.duration("--timeout", timeout, "how long each keeper may take to answer (2s)");
  if (auto code = arguments.parse()) return *code;

  bool filtered = !targets.empty();
  if (!filtered) targets = {"all"};
  Work work("list");
  if (auto code =
          work.find(targets, timeout.value_or(kAskWait), false, json ? Reading::text : Reading::values))
    return *code;
  if (json)
    print_json(work.apps);
  else
    print_table(work.apps, !filtered, wide);
  for (const Chosen& app : work.apps)
    work.shown(app.row);
  return work.exit_code();
}

}  // namespace

Command list_command() {
  return {"list",
          'l',
          {{"ls"}, {"status"}, {"ps"}, {"jlist", "--json"}},
          "[TARGET...]",
          "Shows what is kept.",
          "",
          "  ctl list                everything\n"
          "  ctl list 'worker*'      some of it\n"
          "  ctl list -w             with more columns\n"
          "  ctl list --json         for scripts: one object an app\n",
          run};
}

}  // namespace keeper
