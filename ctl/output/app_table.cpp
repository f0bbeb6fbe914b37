#include "ctl/output/app_table.hpp"

#include "ctl/output/human.hpp"
#include "ctl/output/table.hpp"
#include "protocol/base/escape.hpp"

namespace keeper {
namespace {

std::string number_or_dash(const std::optional<int>& number) {
  return number ? std::to_string(*number) : "-";
}
std::string text_or_dash(const std::string& text) {
  return text.empty() ? "-" : escaped(text);
}

/// How long it has been up; in backoff, how long until it is again.
std::string uptime_cell(const Status& app, WallTime now) {
  if (app.state == State::backoff) return app.next && app.next->at ? until_text(*app.next->at, now) : "-";
  auto uptime = uptime_of(app, now);
  return uptime ? short_duration(*uptime) : "-";
}

std::string next_cell(const Status& app, WallTime now) {
  if (!app.next) return "-";
  return escaped(app.next->action) + (app.next->at ? " " + until_text(*app.next->at, now) : "");
}

/// An app of which no record can be read has no command, but a reason.
std::string command_cell(const Status& app) {
  if (!app.command.empty()) return command_line_text(app.command);
  return app.reason ? "(" + escaped(*app.reason) + ")" : "-";
}

std::string state_cell(const Status& app) {
  return std::string(word_for(app.state)) + (app.at_risk ? ", at risk" : "");
}

std::vector<Column> columns(bool wide) {
  std::vector<Column> out = {{"NAME"},         {"PID", true},         {"KEEPER", true, 3},
                             {"STATE"},        {"RESTARTS", true, 4}, {"UPTIME", true, 6},
                             {"CPU", true, 1}, {"MEM", true, 2},      {"COMMAND", false, 5, true}};
  if (wide)
    for (const char* title : {"STARTED", "LOG", "USER", "NEXT", "VERSION"})
      out.push_back({title});
  return out;
}

std::vector<Cell> cells(const Status& app, bool wide, WallTime now) {
  std::vector<Cell> out = {{escaped(label(app)), Colour::none},
                           {number_or_dash(app.pid), Colour::none},
                           {number_or_dash(app.keeper_pid), Colour::none},
                           {state_cell(app), app.at_risk ? Colour::red : colour_of(app.state)},
                           {std::to_string(app.restarts), Colour::none},
                           {uptime_cell(app, now), Colour::none},
                           {app.cpu_percent ? short_percent(*app.cpu_percent) : "-", Colour::none},
                           {app.memory_bytes ? short_memory(*app.memory_bytes) : "-", Colour::none},
                           {command_cell(app), Colour::none}};
  if (!wide) return out;
  out.push_back({app.started_at ? short_time(*app.started_at) : "-"});
  out.push_back({app.logs.empty() ? "-" : text_or_dash(app.logs.front().path)});
  out.push_back({text_or_dash(app.user)});
  out.push_back({next_cell(app, now)});
  out.push_back({text_or_dash(app.version)});
  return out;
}

}  // namespace

std::string app_table(const std::vector<Status>& apps, const ListStyle& style, WallTime now) {
  Table table(columns(style.wide));
  for (const Status& app : apps)
    table.add(cells(app, style.wide, now));
  return table.text(style.width, style.coloured);
}

}  // namespace keeper
