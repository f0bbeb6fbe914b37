#include "keeper/cli/app_name.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "keeper/child/spawn_plan.hpp"
#include "keeper/node/node_command.hpp"
#include "protocol/base/acting_as.hpp"
#include "protocol/base/files.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/json/reader.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

/// An interpreter that runs the first word behind its options, each a letter behind a '-'.
struct Interpreter {
  string_view name;   ///< without the number of its version
  string_view value;  ///< letters whose value is the rest of the word, or the next one
  string_view other;  ///< letters with which another thing than a file is run
};
constexpr std::array kInterpreters = {
    Interpreter{"python", "WX", "cm"}, Interpreter{"pypy", "WX", "cm"},     Interpreter{"sh", "oO", "cs"},
    Interpreter{"bash", "oO", "cs"},   Interpreter{"dash", "o", "cs"},      Interpreter{"ash", "o", "cs"},
    Interpreter{"ksh", "oO", "cs"},    Interpreter{"zsh", "o", "cs"},       Interpreter{"ruby", "rICE", "e"},
    Interpreter{"perl", "IMm", "eE"},  Interpreter{"php", "cdtz", "rBRES"}, Interpreter{"lua", "l", "e"}};
constexpr std::array<string_view, 3> kLongWithValue = {"--rcfile", "--init-file", "--check-hash-based-pycs"};
constexpr std::array<string_view, 3> kPackageManagers = {"npm", "pnpm", "yarn"};
constexpr std::size_t kMostPackage = 1 << 20;
constexpr int kMostDepth = 100, kMostValues = 100'000;

string_view file_of(string_view path) {
  return path.substr(path.rfind('/') + 1);
}

template <class Names>
bool is_one_of(const Names& names, string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Returns the word that such an interpreter takes for a file; empty: there is none.
string script_among(const std::vector<string>& words, const Interpreter& runs) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const string_view word = words[i];
    if (word == "--") return i + 1 < words.size() ? words[i + 1] : "";
    if (word == "-") return {};
    if (!word.starts_with('-')) return words[i];
    if (is_one_of(kLongWithValue, word)) ++i;
    if (word.starts_with("--")) continue;
    if (runs.name == "ruby" && word.starts_with("-W"))
      continue;  // a level or a category, never the next word
    for (std::size_t at = 1; at < word.size(); ++at) {
      if (runs.other.find(word[at]) != string_view::npos) return {};
      if (runs.value.find(word[at]) == string_view::npos) continue;
      if (at + 1 == word.size()) ++i;
      break;
    }
  }
  return {};
}

/// Returns the file that an interpreter is given, as it is given; empty: the program is none, or runs no
/// file.
string script_of(const Spec& spec) {
  if (!spec.interpreter.empty()) return {};
  if (is_node(spec.program)) {
    NodeCommand runs = read_node_command(spec.args);
    return runs.runs == NodeCommand::Runs::code ? string() : std::move(runs.script);
  }
  string_view name = file_of(spec.program);
  name = name.substr(0, name.find_last_not_of("0123456789.") + 1);
  const auto known = std::find_if(kInterpreters.begin(), kInterpreters.end(),
                                  [&](const Interpreter& one) { return one.name == name; });
  return known == kInterpreters.end() ? string() : script_among(spec.args, *known);
}

bool starts_package(const Spec& spec) {
  return is_one_of(kPackageManagers, file_of(spec.program)) && !spec.args.empty() &&
         spec.args.front() == "start";
}

/// Returns the name of the package in the spec's directory without its scope; empty: it has none, or none
/// that its user may read.
string package_name(const Spec& spec) {
  const ActingUser user = acting_user(spec.run_as);
  const ActingAs as_user(&user);
  if (as_user.error() != 0) return {};
  const auto text = read_file(spec.cwd + "/package.json", kMostPackage);
  string name;
  const auto look = [&](string_view key, string_view value) {
    if (key == "name" && kind_of(value) == '"') read_bytes(value, name);
  };
  if (!text || check_object(*text, kMostDepth, kMostValues, look) != TextCheck::good) return {};
  return string(file_of(name));
}

/// Returns the file that is kept, as an absolute path; a name that is not found stays what it is.
string kept_file(const Spec& spec) {
  const string script = script_of(spec);
  if (!script.empty()) return script.starts_with('/') ? script : spec.cwd + "/" + script;
  if (starts_package(spec)) return spec.cwd + "/package.json";
  if (spec.program.find('/') != string::npos) return spec.program;
  std::vector<const char*> inherited;
  for (const string& variable : spec.environment)
    inherited.push_back(variable.c_str());
  inherited.push_back(nullptr);
  const auto added = added_environment(spec, 0, {});
  const string path(variable_in(merge_environment(inherited.data(), added).data(), "PATH"));
  const ActingUser user = acting_user(spec.run_as);
  const string found = in_path(spec.program, {"", path, &user});
  return found.empty() ? spec.program : found;
}

}  // namespace

string default_name(const string& file) {
  const string name(file_of(file));
  const auto dot = name.rfind('.');
  return legal_name(dot == string::npos || dot == 0 ? name : name.substr(0, dot));
}

string default_name(const Spec& spec) {
  if (const string script = script_of(spec); !script.empty()) return default_name(script);
  const string package = starts_package(spec) ? package_name(spec) : "";
  return package.empty() ? default_name(spec.program) : legal_name(package);
}

/// A file of several names may be as many programs (busybox), so the names count too.
bool same_program(const Spec& one, const Spec& other) {
  const string a = kept_file(one), b = kept_file(other);
  if (a == b) return true;
  struct stat first {
  }, second{};
  return file_of(a) == file_of(b) && stat(a.c_str(), &first) == 0 && stat(b.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace keeper
