#include "ctl/output/details.hpp"

#include <algorithm>
#include <array>

#include "ctl/output/colour.hpp"
#include "ctl/output/human.hpp"
#include "protocol/base/escape.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr const char* kHidden = "***";
constexpr string_view kOurs = "KEEPER_HOME";  // what we put there ourselves is no secret

struct Line {
  string key;
  string value;  ///< harmless; may be coloured
};
using Lines = std::vector<Line>;

string state_text(const Status& app, bool coloured) {
  string out = painted(word_for(app.state), colour_of(app.state), coloured);
  if (app.state == State::running && !app.ready) out += ", not ready";
  if (app.reason && !app.reason->empty()) out += ": " + escaped(*app.reason);
  return out;
}

string pids_text(const std::vector<int>& pids) {
  string out;
  for (int pid : pids)
    out += (out.empty() ? "" : ", ") + std::to_string(pid);
  return out;
}

string joined(const std::vector<string>& words) {
  string out;
  for (const string& word : words)
    out += (out.empty() ? "" : ", ") + word;
  return out;
}

string last_exit_text(const LastExit& exit) {
  string out = exit_words(exit);
  if (exit.pid) out = "pid " + std::to_string(*exit.pid) + ": " + out;
  if (exit.at) out += " at " + short_time(*exit.at);
  if (exit.left_behind) out += ", and " + escaped(*exit.left_behind);
  if (exit.kill_reason) out += ", killed by its keeper: " + escaped(*exit.kill_reason);
  return out;
}

void add_run(Lines& lines, const Status& app, bool coloured, WallTime now) {
  lines.push_back({"name", escaped(label(app))});
  lines.push_back({"state", state_text(app, coloured)});
  if (app.pid) lines.push_back({"pid", std::to_string(*app.pid)});
  if (app.keeper_pid) lines.push_back({"keeper", std::to_string(*app.keeper_pid)});
  if (app.guard_pid) lines.push_back({"guard", std::to_string(*app.guard_pid)});
  if (app.started_at) lines.push_back({"started", short_time(*app.started_at)});
  if (auto uptime = uptime_of(app, now)) lines.push_back({"uptime", short_duration(*uptime)});
  if (!app.pid && app.stopped_at) lines.push_back({"ended", short_time(*app.stopped_at)});
  if (app.run != 0) lines.push_back({"run", std::to_string(app.run)});
  lines.push_back({"restarts", std::to_string(app.restarts)});
  if (app.last_exit) lines.push_back({"last exit", last_exit_text(*app.last_exit)});
  if (app.status_text) lines.push_back({"says", escaped(*app.status_text)});
  if (app.doing) lines.push_back({"is", escaped(*app.doing)});
  if (!app.waiting_for.empty())
    lines.push_back({app.state == State::starting ? "waits for" : "missed",
                     escaped(app.not_ready ? *app.not_ready : joined(app.waiting_for))});
  if (app.spawn_error) lines.push_back({"start failed", escaped(*app.spawn_error)});
  if (app.next)
    lines.push_back(
        {"next", escaped(app.next->action) + (app.next->at ? " " + until_text(*app.next->at, now) : "")});
  if (!app.survivors.empty()) lines.push_back({"not ended", pids_text(app.survivors)});
  if (!app.left.empty()) lines.push_back({"left running", pids_text(app.left)});
  if (app.memory_bytes) lines.push_back({"memory", short_memory(*app.memory_bytes)});
  if (app.cpu_percent) lines.push_back({"cpu", short_percent(*app.cpu_percent)});
}

void add_program(Lines& lines, const Status& app, const Spec& spec) {
  std::vector<string> command = app.command;
  if (command.empty()) {
    command = {spec.program};
    command.insert(command.end(), spec.args.begin(), spec.args.end());
  }
  lines.push_back({"command", command_line_text(command)});
  const string& cwd = app.cwd.empty() ? spec.cwd : app.cwd;
  if (!cwd.empty()) lines.push_back({"directory", escaped(cwd)});
  const string& user = app.user.empty() ? spec.user : app.user;
  if (!user.empty()) lines.push_back({"user", escaped(user)});
  for (const LogFile& log : app.logs) {
    string text = escaped(log.path) + " (" + short_memory(log.bytes) + ")";
    if (log.dropped > 0) text += ", " + short_memory(log.dropped) + " of output were dropped";
    if (log.waiting > 0) text += ", " + short_memory(log.waiting) + " of output wait in memory";
    if (log.trouble) text += "; " + escaped(*log.trouble);
    lines.push_back({log.stream == "all" ? "log" : "log " + escaped(log.stream), text});
  }
  if (app.at_risk) lines.push_back({"at risk", escaped(*app.at_risk)});
  for (const string& path : app.cut_off)
    lines.push_back({"cut off", escaped(path) + ": its file is gone, or another's"});
  if (app.syslog) {
    string text = escaped(app.syslog->target);
    if (app.syslog->dropped > 0)
      text += ", " + std::to_string(app.syslog->dropped) + " messages were dropped";
    if (app.syslog->trouble) text += "; " + escaped(*app.syslog->trouble);
    lines.push_back({"syslog", text});
  }
  if (!app.version.empty()) lines.push_back({"version", escaped(app.version)});
}

void add_spec(Lines& lines, const Spec& spec) {
  // Shown above, or the same for every app of this user.
  constexpr std::array<string_view, 10> elsewhere = {
      "name", "instance", "program", "args",        "cwd",
      "env",  "user",     "run_as",  "environment", "log_syslog_addresses"};
  static const Spec defaults;
  for (const auto& [key, value] : spec.env)
    lines.push_back({"env", escaped(key) + "=" + escaped(value)});
  for (const Field& field : spec_fields()) {
    if (std::find(elsewhere.begin(), elsewhere.end(), field.name) != elsewhere.end()) continue;
    if (!field.same(spec, defaults)) lines.push_back({string(field.name), escaped(field.text(spec))});
  }
}

}  // namespace

string details_text(const Status& app, const Spec& spec, bool coloured, WallTime now) {
  Lines lines;
  add_run(lines, app, coloured, now);
  add_program(lines, app, spec);
  add_spec(lines, spec);
  std::size_t widest = 0;
  for (const Line& line : lines)
    widest = std::max(widest, line.key.size());
  string out;
  for (const Line& line : lines)
    out += painted(line.key + ":", Colour::bold, coloured) + string(widest - line.key.size() + 1, ' ') +
           line.value + "\n";
  return out;
}

Spec without_values(Spec spec) {
  for (auto& [key, value] : spec.env)
    if (key != kOurs) value = kHidden;
  for (string& variable : spec.environment) {
    string_view key = string_view(variable).substr(0, variable.find('='));
    if (key != kOurs) variable = key.size() < variable.size() ? string(key) + "=" + kHidden : kHidden;
  }
  return spec;
}

}  // namespace keeper
