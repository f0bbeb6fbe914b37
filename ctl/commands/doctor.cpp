// ctl doctor
#include <algorithm>
#include <cstdio>

#include "ctl/cli/arguments.hpp"
#include "ctl/cli/context.hpp"
#include "ctl/commands/all.hpp"
#include "ctl/doctor/fix.hpp"
#include "ctl/doctor/gather.hpp"
#include "ctl/output/findings_text.hpp"
#include "protocol/wire/codec.hpp"

namespace keeper {
namespace {

void print_json(const std::vector<Finding>& findings) {
  std::vector<std::string> objects;
  for (const Finding& finding : findings)
    objects.push_back(write_as(finding));
  std::string text = json_for_stdout(json_list({objects.begin(), objects.end()})) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void print(const std::vector<Finding>& findings, const std::string& where, bool json) {
  if (json) return print_json(findings);
  std::fputs(findings_text(findings, colours_on_stdout()).c_str(), stdout);
  std::fputs(findings_summary(findings, where).c_str(), stdout);
}

/// "2 apps and /home/web/.keeper".
std::string where_text(std::size_t apps, const std::string& home, bool whole) {
  std::string count = std::to_string(apps) + (apps == 1 ? " app" : " apps");
  return count + (whole ? " and " : " in ") + home;
}

std::vector<Finding> examine(const Home& home, std::vector<Row> rows, bool whole, const PathFacts& before,
                             bool fix) {
  std::vector<Found> found = findings(gather(home, std::move(rows), whole, before));
  if (fix) mend(home, found);
  std::vector<Finding> out;
  for (Found& one : found)
    out.push_back(std::move(one.finding));
  return out;
}

int run(Arguments& arguments) {
  std::vector<std::string> targets;
  bool fix = false, json = false;
  std::optional<Millis> timeout;
  arguments.words(targets, "TARGET", 0);
  arguments.flag("--fix", fix, "mend what can be mended without ending a program or losing output");
  arguments.flag("--json", json, "an array of JSON objects: severity, app, what, remedy, fixed");
  arguments.duration("--timeout", timeout, "how long each keeper may take to answer (2s)");
  if (auto code = arguments.parse()) return *code;

  auto path = Home::default_path();
  PathFacts before = look_at_path(path ? *path : "", PathFacts::Kind::directory);
  auto home = path ? Home::open(*path, Home::Create::no) : Result<Home>(path.error());
  if (!home && home.error().reason != Reason::not_found) {
    print({refused_home(home.error())}, path ? *path : "the home", json);
    return exit_code::failed;
  }
  bool whole = targets.empty();
  Work work("examine");
  if (auto code = work.find(whole ? std::vector<std::string>{"all"} : targets, timeout.value_or(kAskWait)))
    return *code;
  if (!home) {
    if (json) print({}, "", json);
    if (!json && whole) std::printf("there is no home at %s yet: nothing is kept\n", path->c_str());
    return work.exit_code();
  }
  std::vector<Row> rows;
  for (Chosen& app : work.apps)
    rows.push_back(std::move(app.row));
  std::size_t apps = rows.size();
  if (apps == 0 && !whole) return work.exit_code();  // that there are none has been said
  std::vector<Finding> out = examine(*home, std::move(rows), whole, before, fix);
  print(out, where_text(apps, home->path(), whole), json);
  bool remains = std::any_of(out.begin(), out.end(), [](const Finding& one) { return one.remains(); });
  return remains ? exit_code::failed : work.exit_code();
}

}  // namespace

Command doctor_command() {
  return {"doctor",
          0,
          {},
          "[TARGET...]",
          "Says what is wrong, and what to do about it; --fix mends.",
          "Stale files, programs without a keeper, keepers that do not answer, wrong modes, full disks, low\n"
          "limits, programs that are gone. With TARGETs only these apps are looked at, not the home itself.\n"
          "The exit code is 1 where an error or a warning remains; notes do not count.\n",
          "  ctl doctor              all of it\n"
          "  ctl doctor api          api alone\n"
          "  ctl doctor --fix        and mend what can be mended safely\n"
          "  ctl doctor --json       for scripts\n",
          run};
}

}  // namespace keeper
