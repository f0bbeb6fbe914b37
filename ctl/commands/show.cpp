// ctl show
#include <cstdio>
#include <nlohmann/json.hpp>

#include "ctl/cli/arguments.hpp"
#include "ctl/cli/context.hpp"
#include "ctl/commands/all.hpp"
#include "ctl/logs/place.hpp"
#include "ctl/output/details.hpp"
#include "ctl/output/table.hpp"
#include "protocol/base/escape.hpp"
#include "protocol/store/ports.hpp"
#include "protocol/wire/codec.hpp"

namespace keeper {
namespace {

struct ShownSpec {
  Spec spec;
  std::vector<std::string> edited;  ///< what spec.json has otherwise (spec_differences())
};

/// What its keeper uses, else what is recorded.
Result<ShownSpec> spec_of(const Home& home, const Row& row, Millis wait) {
  auto recorded = home.read_spec(row.id.stem());
  auto client = row.answered ? Client::connect(home, row.id.stem()) : Result<Client>(Error{});
  auto used = client ? client->call(GetSpec{}, wait, "") : Result<Spec>(Error{});
  if (!used && !recorded) return recorded.error();
  if (!used) return ShownSpec{std::move(*recorded), {}};
  ShownSpec out{std::move(*used), {}};
  if (recorded) out.edited = spec_differences(out.spec, *recorded);
  return out;
}

/// A log without a living keeper: the record's size is of some time ago.
void look_at_log(const Home& home, Row& row) {
  auto path = log_path_of(home, row);
  if (!path) return;
  if (row.status.logs.empty()) row.status.logs.push_back({"all", *path, 0, {}, 0});
  row.status.logs.front().bytes = size_of_file(*path);
}

std::string ports_table(const std::vector<Port>& ports) {
  if (ports.empty()) return "no open sockets\n";
  Table table({{"PROTO"}, {"LOCAL"}, {"REMOTE"}, {"STATE"}, {"PID", true}});
  for (const Port& port : ports)
    table.add({{port.protocol},
               {port.local.empty() ? "-" : escaped(port.local)},
               {port.remote.empty() ? "-" : escaped(port.remote)},
               {port.state},
               {std::to_string(port.pid)}});
  return table.text(std::nullopt, colours_on_stdout());
}

void print(const Row& row, const Spec& spec, const std::vector<std::string>& edited,
           const std::vector<Port>* ports, bool json) {
  if (!json) {
    std::fputs(details_text(row.status, spec, colours_on_stdout(), wall_now()).c_str(), stdout);
    if (!edited.empty())
      std::printf("\nspec.json differs; 'ctl restart %s' or 'ctl reload %s' takes it:\n",
                  row.id.stem().c_str(), row.id.stem().c_str());
    for (const std::string& difference : edited)
      std::printf("  %s\n", escaped(difference).c_str());
    if (ports != nullptr) std::printf("\n%s", ports_table(*ports).c_str());
    return;
  }
  // A keeper's own words where it answered. It is an object: its last character is '}'.
  std::string text = row.json.empty() ? write_as(row.status) : row.json;
  text.resize(text.rfind('}'));
  const std::string differences = Json(edited).dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string more = ports != nullptr ? "," + write_as(PortList{*ports}).substr(1) : "}";
  text += ",\"spec\":" + write_as(spec) + ",\"spec_edited\":" + differences + more + "\n";
  std::fputs(json_for_stdout(std::move(text)).c_str(), stdout);
}

int run(Arguments& arguments) {
  std::vector<std::string> targets;
  bool json = false, with_ports = false, reveal = false;
  std::optional<Millis> timeout;
  arguments.words(targets, "TARGET", 1);
  arguments.flag(
      "--json", json,
      "a JSON object: what list --json has, its configuration as \"spec\", and where spec.json differs");
  arguments.flag("--ports", with_ports, "also what its processes listen on and are connected to");
  arguments.flag("--reveal", reveal, "also the values of its environment variables, else ***");
  arguments.duration("--timeout", timeout, "how long its keeper may take to answer (2s)");
  if (auto code = arguments.parse()) return *code;

  Work work("show");
  Millis wait = timeout.value_or(kAskWait);
  if (auto code = work.find(targets, wait)) return *code;
  bool first = true;
  for (Chosen& app : work.apps) {
    Row& row = app.row;
    if (!row.answered) look_at_log(work.home(), row);
    auto spec = spec_of(work.home(), row, wait);
    if (!first && !json) std::printf("\n");
    first = false;
    std::vector<Port> ports;
    if (with_ports) ports = ports_of(row.status);
    const ShownSpec shown = spec ? *spec : ShownSpec{};
    print(row, reveal ? shown.spec : without_values(shown.spec), shown.edited, with_ports ? &ports : nullptr,
          json);
    if (!spec)
      work.fail(row.id, exit_code::failed, spec.error().text());
    else
      work.shown(row);
  }
  return work.exit_code();
}

}  // namespace

Command show_command() {
  return {"show",
          0,
          {{"describe"}, {"info"}, {"inspect"}},
          "TARGET...",
          "Shows everything that is known of an app.",
          "The values of its environment variables are shown as ***, for they may be secrets; --reveal shows "
          "them. The configuration is the one in use: where spec.json was edited since, that is said.\n",
          "  ctl show api            its state, its last exit, how it is configured\n"
          "  ctl show api --ports    and its open sockets\n"
          "  ctl show 1140 --json    for scripts\n",
          run};
}

}  // namespace keeper
