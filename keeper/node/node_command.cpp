#include "keeper/node/node_command.hpp"

#include <algorithm>
#include <array>

namespace keeper {
namespace {

using std::string;
using std::string_view;
using Runs = NodeCommand::Runs;

/// Options whose value is the next word, unless an '=' follows. Those of V8 always have the '='.
constexpr std::array kWithValue =
    std::to_array<string_view>({"-r",
                                "--require",
                                "--import",
                                "--loader",
                                "--experimental-loader",
                                "-C",
                                "--conditions",
                                "--env-file",
                                "--env-file-if-exists",
                                "--title",
                                "--input-type",
                                "--experimental-default-type",
                                "--icu-data-dir",
                                "--openssl-config",
                                "--redirect-warnings",
                                "--disable-warning",
                                "--report-dir",
                                "--report-directory",
                                "--report-filename",
                                "--report-signal",
                                "--diagnostic-dir",
                                "--dns-result-order",
                                "--disable-proto",
                                "--inspect-port",
                                "--debug-port",
                                "--inspect-publish-uid",
                                "--max-http-header-size",
                                "--secure-heap",
                                "--secure-heap-min",
                                "--tls-cipher-list",
                                "--tls-keylog",
                                "--trace-event-categories",
                                "--trace-event-file-pattern",
                                "--unhandled-rejections",
                                "--use-largepages",
                                "--heapsnapshot-signal",
                                "--heapsnapshot-near-heap-limit",
                                "--cpu-prof-dir",
                                "--cpu-prof-interval",
                                "--cpu-prof-name",
                                "--heap-prof-dir",
                                "--heap-prof-interval",
                                "--heap-prof-name",
                                "--watch-path",
                                "--watch-preserve-output",
                                "--allow-fs-read",
                                "--allow-fs-write",
                                "--localstorage-file",
                                "--es-module-specifier-resolution",
                                "--network-family-autoselection-attempt-timeout",
                                "--test-name-pattern",
                                "--test-reporter",
                                "--test-reporter-destination",
                                "--test-concurrency",
                                "--v8-pool-size",
                                "--stack-trace-limit"});

struct Mode {
  string_view option;
  Runs runs;
};
constexpr std::array kModes = std::to_array<Mode>({{"-e", Runs::code},
                                                   {"--eval", Runs::code},
                                                   {"-p", Runs::code},
                                                   {"-pe", Runs::code},
                                                   {"--print", Runs::code},
                                                   {"-i", Runs::code},
                                                   {"--interactive", Runs::code},
                                                   {"--run", Runs::another},
                                                   {"--test", Runs::another},
                                                   {"--watch", Runs::another},
                                                   {"--watch-path", Runs::another},
                                                   {"-c", Runs::nothing},
                                                   {"--check", Runs::nothing},
                                                   {"-h", Runs::nothing},
                                                   {"--help", Runs::nothing},
                                                   {"-v", Runs::nothing},
                                                   {"--version", Runs::nothing},
                                                   {"--v8-options", Runs::nothing},
                                                   {"--completion-bash", Runs::nothing}});

struct Launcher {
  string_view name;  ///< of the file, without its extension
  string_view instead;
};
constexpr string_view kWhatItStarts = "what it starts: keeper -d -i N -- node FILE";
constexpr string_view kPackageScript =
    "the command that its script has in package.json: keeper -d -i N -- node FILE";
constexpr std::array kLaunchers =
    std::to_array<Launcher>({{"npm", kPackageScript},
                             {"npm-cli", kPackageScript},
                             {"yarn", kPackageScript},
                             {"yarnpkg", kPackageScript},
                             {"pnpm", kPackageScript},
                             {"npx", kWhatItStarts},
                             {"npx-cli", kWhatItStarts},
                             {"pnpx", kWhatItStarts},
                             {"nodemon", kWhatItStarts},
                             {"cross-env", kWhatItStarts},
                             {"dotenv", kWhatItStarts},
                             {"env-cmd", kWhatItStarts},
                             {"concurrently", kWhatItStarts},
                             {"tsx", "keeper -d -i N -- node --import tsx FILE"},
                             {"ts-node", "keeper -d -i N -- node -r ts-node/register FILE"},
                             {"ts-node-esm", "keeper -d -i N -- node --loader ts-node/esm FILE"}});

/// "/x/node_modules/.bin/cross-env.js" to "cross-env".
string_view stem_of(string_view path) {
  string_view file = path.substr(path.rfind('/') + 1);
  for (string_view ending : {".js", ".cjs", ".mjs"})
    if (file.ends_with(ending)) file.remove_suffix(ending.size());
  return file;
}

}  // namespace

NodeCommand read_node_command(const std::vector<string>& words) {
  NodeCommand out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const string_view word = words[i];
    if (word == "-") return {out.runs == Runs::nothing ? Runs::code : out.runs};
    const bool ends = word == "--";
    if (ends && ++i == words.size()) return out;
    if (ends || !word.starts_with('-'))
      return {out.runs == Runs::nothing ? Runs::script : out.runs, words[i]};
    const string_view name = word.substr(0, word.find('='));
    const auto mode =
        std::find_if(kModes.begin(), kModes.end(), [&](const Mode& one) { return one.option == name; });
    if (mode != kModes.end()) {
      if (mode->runs == Runs::code || mode->runs == Runs::nothing) return {mode->runs};
      out.runs = mode->runs;
    }
    const bool apart = name.size() == word.size();
    if (apart && std::find(kWithValue.begin(), kWithValue.end(), name) != kWithValue.end()) ++i;
  }
  return out;
}

string launcher_remedy(string_view script, const std::vector<string>& args) {
  const string_view stem = stem_of(script);
  // The files behind the links of these names have plainer names.
  const string_view package = script.find("/tsx/") != string_view::npos       ? "tsx"
                              : script.find("/ts-node/") != string_view::npos ? "ts-node"
                                                                              : stem;
  const auto known = std::find_if(kLaunchers.begin(), kLaunchers.end(), [&](const Launcher& one) {
    return one.name == stem || one.name == package;
  });
  if (known == kLaunchers.end()) return {};
  string out(known->instead);
  const auto file =
      std::find_if(args.begin(), args.end(), [](const string& arg) { return !arg.starts_with('-'); });
  const bool runs_it = known->name == "tsx" || known->name.starts_with("ts-node");
  if (const auto at = out.rfind("FILE"); runs_it && file != args.end()) out.replace(at, 4, *file);
  return out;
}

}  // namespace keeper
