#include "keeper/cli/command_line.hpp"

#include <unistd.h>

// CLI11 includes <iostream> for functions that are not used here. Its static initialiser would run in every
// keeper and write 20 kB of locale tables there, so what it declares is declared without it (libstdc++'s
// guard).
#define _GLIBCXX_IOSTREAM 1
#include <istream>
#include <ostream>
namespace std {
extern ostream cout;
extern ostream cerr;
}  // namespace std

#include <CLI/CLI.hpp>

#include "keeper/app/app_output.hpp"

namespace keeper {
namespace {

using std::string;

constexpr const char* kExamples = R"(
Everything after PROGRAM is the program's own: keeper ./server.js --port 80

Examples:
  keeper ./server.js                       keep it alive here; Ctrl-C stops it
  keeper -d ./server.js                    keep it alive in the background
  keeper -d -n api -e PORT=80 ./server.js  under a name, with a variable
  keeper --restart on-failure -- ./job.sh  again only if it fails
  ctl list                                 what is kept; ctl --help says more

Durations are 10s, 100ms, 2m, 1h (a bare number: seconds), sizes 64K, 50M, 1G (a bare number: bytes).
Files are in $KEEPER_HOME, else ~/.keeper. Exit code: the program's own (128 + N for signal N);
126 it cannot be executed, 127 it was not found, 2 wrong usage, 1 anything else.)";

class Help : public CLI::Formatter {
 public:
  Help() { column_width(34); }
  string make_usage(const CLI::App*, string) const override {
    return "Usage: keeper [OPTIONS] [--] PROGRAM [ARGS...]\n";
  }
  string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_size() == 0 ? "" : " " + option->get_type_name();
  }
};

/// A flag that turns off what is on by default.
bool turns_off(const Field& field) {
  return field.name == "guard" || field.name == "ipc" || field.name == "unbuffered";
}

/// A switch that can be turned off too, where what it is by default depends on the program.
bool turns_both_ways(const Field& field) {
  return field.name == "cluster";
}

/// What a value is called in --help: "--backoff LOW..HIGH".
string option_names(const Field& field) {
  string out = turns_off(field) ? "--no-" + string(field.name) : flag_of(field);
  if (field.short_flag != 0) out = string("-") + field.short_flag + "," + out;
  return out;
}

Finished wrong(const string& what) {
  return {2, "keeper: cannot start: " + what + "\nkeeper --help shows how it is used\n"};
}

/// "max" instances are one per core.
string counted(const Field& field, const string& text) {
  if (field.name != "instances" || text != "max") return text;
  return std::to_string(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

/// One flag per field of the list. What is wrong with a value is remembered in `error`, with the flag's name.
void add_fields(CLI::App& app, CommandLine& out, string& error) {
  for (const Field& field : spec_fields()) {
    if (field.help.empty()) continue;
    auto set = [&field, &out, &error](const string& text) {
      Done done = field.set(out.spec, counted(field, text));
      if (!done && error.empty()) error = flag_of(field) + ": " + done.error().why();
      // An empty variable of a script is not to make it run as the caller.
      if (field.name == "user" && text.empty() && error.empty()) error = "--user: no user is given";
      if (field.name == "name") out.named = true;
      out.given.insert(flag_of(field));
    };
    if (field.value.empty()) {
      app.add_flag_callback(
          option_names(field), [set, off = turns_off(field)] { set(off ? "false" : "true"); },
          string(field.help));
      if (turns_both_ways(field))
        app.add_flag_callback(
               "--no-" + string(field.name), [set] { set("false"); }, "")
            ->group("");
      continue;
    }
    auto* option = app.add_option_function<std::vector<string>>(
        option_names(field),
        [set](const std::vector<string>& all) {
          for (const string& one : all)
            set(one);
        },
        string(field.help));
    option->type_name(string(field.value))->type_size(1)->allow_extra_args(false);
    option->multi_option_policy(field.many ? CLI::MultiOptionPolicy::TakeAll
                                           : CLI::MultiOptionPolicy::TakeLast);
  }
}

/// Returns the first of these flags that was given; empty: none was.
string first_given(const CommandLine& c, std::initializer_list<const char*> flags) {
  for (const char* flag : flags)
    if (c.given.contains(flag)) return flag;
  return {};
}

/// Returns what is wrong with options of a log of which no file is written; empty if nothing is.
string check_without_file(const CommandLine& c) {
  const bool file =
      names_log_file(c.spec.log) || (!c.spec.error_log.empty() && names_log_file(c.spec.error_log));
  if (file) return {};
  string flag = first_given(c, {"--log-format", "--log-date-format", "--log-max-size", "--log-backups",
                                "--log-max-total", "--log-compress", "--log-buffer", "--log-full"});
  if (flag.empty() && !c.spec.log_syslog) flag = first_given(c, {"--log-join"});
  if (flag.empty()) return {};
  return flag + ": with --log " + c.spec.log +
         " no file is written that it could be for; leave one of them out";
}

/// Returns what could have no effect with the options that stand beside it; empty if nothing is so.
string check_effect(const CommandLine& c) {
  if (c.given.contains("--backoff") && c.spec.restart == Restart::never)
    return "--backoff: with --restart never nothing is started again; leave one of them out";
  if (c.given.contains("--ready-timeout") && c.spec.ready.events().empty())
    return "--ready-timeout: it is the time for what --ready waits for; give that too: --ready notify";
  if (!c.wait && !c.detach) return "--no-wait: it is how -d returns; give that too, or leave it out";
  if (c.spec.log_compress && c.spec.log_backups == 0)
    return "--log-compress: with --log-backups 0 no renamed log is kept; leave one of them out";
  return check_without_file(c);
}

/// What is wrong with how output is to be recorded; empty if nothing is.
string check_log(const Spec& spec) {
  if (spec.log_date_format && spec.log_format == LogFormat::json)
    return "--log-date-format: it is for --log-format time; the times of json are always those of RFC 3339";
  if (spec.log_join && spec.log_format == LogFormat::raw && !spec.log_syslog)
    return "--log-join: records are joined by --log-format time and json, and for --log-syslog";
  if (spec.log_max_total && *spec.log_max_total < spec.log_max_size)
    return "--log-max-total: " + size_text(*spec.log_max_total) + " is less than --log-max-size, " +
           size_text(spec.log_max_size) + "; give a smaller one of that too";
  return {};
}

/// Returns what is given besides --start and could have no effect; empty if nothing is.
string check_recorded(const CommandLine& c) {
  const string extra = !c.given.empty()          ? *c.given.begin()
                       : !c.spec.program.empty() ? c.spec.program
                       : c.replace               ? "--replace"
                                                 : "";
  if (extra.empty()) return {};
  return "--start: " + c.start + " is started as it is recorded; leave " + extra + " out";
}

/// What is wrong with what stands together; empty if nothing is.
string check(const CommandLine& c) {
  if (!c.start.empty()) return check_recorded(c);
  if (!c.to_stop.empty()) return "--to-stop: it is for --start; leave it out";
  if (c.spec.program.empty()) return "no PROGRAM is given";
  if (c.named)
    if (Done done = check_name(c.spec.name); !done) return "--name: " + done.error().why();
  if (c.spec.instances < 1 || c.spec.instances > kMostInstances)
    return "--instances: from 1 to " + std::to_string(kMostInstances) + " can be kept";
  if (c.spec.instances > 1 && !c.detach) return "--instances: more than one needs -d";
  if (c.spec.stop_signal.empty()) return "--stop-signal: at least one signal is needed";
  if (c.spec.inspect && c.spec.inspect->value + c.spec.instances - 1 > 65535)
    return "--inspect: the last of " + std::to_string(c.spec.instances) +
           " instances would be past port 65535";
  const string problem = check_log(c.spec);
  return problem.empty() ? check_effect(c) : problem;
}

}  // namespace

std::variant<CommandLine, Finished> parse_command_line(int argc, const char* const* argv) {
  CLI::App app{"Keeps one program alive: restarts it when it dies, records its output, answers to ctl.",
               "keeper"};
  app.footer(kExamples);
  app.prefix_command();  // with positionals_at_end() as well, CLI11 2.1 refuses PROGRAM
  app.formatter(std::make_shared<Help>());
  app.set_help_flag("-h,--help", "show this and exit");
  app.set_version_flag("-V,--version", "keeper " KEEPER_VERSION, "show the version and exit");

  CommandLine out;
  string error;
  bool spawned_only = false;
  app.add_flag("-d,--detach", out.detach,
               "go on in the background; return when the program is confirmed to run");
  app.add_option("--start", out.start, "start a recorded app again, in the background (what ctl start does)")
      ->type_name("NAME");
  // For ctl: with --start, a program whose keeper was killed is taken over to be stopped. Nothing is started.
  app.add_option("--to-stop", out.to_stop)->group("")->check(CLI::IsMember({"stop", "restart", "scale"}));
  app.add_flag(
      "--replace", out.replace,
      "with -n: a program that runs on though its keeper was killed is ended and started anew, not kept on");
  app.add_flag("--no-wait", spawned_only, "with -d: return as soon as the program is spawned");
  add_fields(app, out, error);

  // Options end at PROGRAM. What CLI11 makes of the words from there on is not asked for.
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return Finished{0, app.help()};
  } catch (const CLI::CallForVersion&) {
    return Finished{0, "keeper " KEEPER_VERSION "\n"};
  } catch (const CLI::ParseError& e) {
    return wrong(e.what());
  }
  if (!error.empty()) return wrong(error);
  std::vector<string> rest = app.remaining();
  bool marked = !rest.empty() && rest.front() == "--";
  if (marked) rest.erase(rest.begin());
  if (!rest.empty()) {
    if (!marked && rest.front().size() > 1 && rest.front().front() == '-')
      return wrong("no option '" + rest.front() + "'");
    out.spec.program = rest.front();
    out.spec.args.assign(rest.begin() + 1, rest.end());
  }
  out.wait = !spawned_only;
  if (out.spec.log_date_format && out.spec.log_format == LogFormat::raw)
    out.spec.log_format = LogFormat::time;
  if (string problem = check(out); !problem.empty()) return wrong(problem);
  return out;
}

}  // namespace keeper
