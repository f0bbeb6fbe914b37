#include "ctl/cli/context.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "ctl/ops/fleet_state.hpp"
#include "ctl/ops/run_history.hpp"
#include "ctl/output/colour.hpp"
#include "protocol/base/escape.hpp"

namespace keeper {

Done Work::open_home() {
  auto path = Home::default_path();
  if (!path) return path.error();
  path_ = *path;
  auto home = Home::open(path_, Home::Create::no);
  if (home)
    home_ = std::move(*home);
  else if (home.error().reason != Reason::not_found)
    return home.error();
  return {};
}

std::optional<int> Work::find(const std::vector<std::string>& words, Millis wait, bool earlier_runs,
                              Reading reading) {
  std::vector<Target> targets;
  for (const std::string& word : words) {
    auto target = Target::parse(word);
    if (!target) {
      fail(word, exit_code::usage, target.error().why());
      return exit_code::usage;
    }
    if (target->kind == Target::Kind::pid) reading = Reading::values;
    targets.push_back(std::move(*target));
  }
  if (Done opened = open_home(); !opened) {
    std::fprintf(stderr, "ctl: cannot %s: %s\n", verb_.c_str(), escaped(opened.error().text()).c_str());
    return exit_code::failed;
  }
  std::vector<Row> rows;
  if (home_) rows = look_at_fleet(*home_, wait, who_to_ask(targets), reading);
  EarlierRun earlier;
  if (earlier_runs && home_)
    earlier = [this](const Row& row, int pid) { return end_of_run(*home_, row, pid); };
  Selection selection = choose(targets, std::move(rows), earlier);
  apps = std::move(selection.apps);
  for (const Target& target : selection.missing)
    fail(target.text, exit_code::no_target, target.nothing_found(path_));
  return std::nullopt;
}

std::vector<Row> Work::with_a_process() {
  std::vector<Row> out;
  for (const Chosen& app : apps) {
    const Row& row = app.row;
    if (row.answered && row.status.pid)
      out.push_back(row);
    else if (is_deaf(row))
      fail(row.id, exit_code::partly, deaf(row).why());
    else if (is_orphan(row))
      fail(row.id, exit_code::partly, "its keeper was killed; 'ctl start " + row.id.stem() + "' keeps it on");
    else if (app.is_explicit)
      fail(row.id, exit_code::not_running, "it is not running");
  }
  return out;
}

std::vector<Row> Work::with_a_keeper(std::vector<Chosen>& rest) {
  std::vector<Row> out;
  for (const Chosen& app : apps) {
    if (app.row.answered)
      out.push_back(app.row);
    else if (is_deaf(app.row))
      fail(app.row.id, exit_code::partly, deaf(app.row).why());
    else
      rest.push_back(app);
  }
  return out;
}

void Work::fail(const std::string& what, int code, const std::string& why) {
  tally_.add(code);
  if (why.empty()) return;  // somebody else has said it
  std::fflush(stdout);
  std::fprintf(stderr, "ctl: cannot %s %s: %s\n", verb_.c_str(), what.empty() ? "''" : escaped(what).c_str(),
               escaped(why).c_str());
}

void Work::done(const std::string& line) {
  tally_.add(exit_code::done);
  if (!line.empty()) std::printf("%s\n", escaped(line).c_str());
}

void Work::report(const std::vector<Outcome>& outcomes) {
  for (const Outcome& one : outcomes) {
    for (const std::string& note : one.notes)
      std::fprintf(stderr, "ctl: %s: %s\n", one.id.stem().c_str(), escaped(note).c_str());
    if (one.code == exit_code::done)
      done(one.text);
    else
      fail(one.id, one.code, one.text);
    if (!one.details.empty()) std::fputs("  its last lines:\n", stderr);
    for (const std::string& line : one.details)
      std::fprintf(stderr, "  | %s\n", escaped(line).c_str());
  }
}

void Work::shown(const Row& row) {
  if (is_deaf(row))
    fail(row.id, exit_code::partly, deaf(row).why());
  else
    done("");
}

Deadline whole_command(const std::optional<Millis>& timeout) {
  return Deadline(timeout.value_or(Millis(-1)));
}

/// At most half of the command's time: a keeper that hangs is not to use up that of the others.
Millis to_find(const std::optional<Millis>& timeout) {
  return timeout ? std::min(*timeout / 2, kAskWait) : kAskWait;
}

std::optional<std::size_t> terminal_width() {
  if (isatty(STDOUT_FILENO) == 0) return std::nullopt;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string json_for_stdout(std::string json) {
  return isatty(STDOUT_FILENO) != 0 ? escaped_json(json) : std::move(json);
}

bool colours_on_stdout() {
  return colour_wanted(isatty(STDOUT_FILENO) != 0, std::getenv("NO_COLOR"), std::getenv("TERM"));
}

}  // namespace keeper
