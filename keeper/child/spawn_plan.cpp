#include "keeper/child/spawn_plan.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "protocol/base/fd.hpp"
#include "protocol/base/proc.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

struct Extension {
  string_view ending;
  string_view interpreter;
};
constexpr std::array kExtensions = {Extension{".js", "node"},    Extension{".mjs", "node"},
                                    Extension{".cjs", "node"},   Extension{".ts", "node"},
                                    Extension{".py", "python3"}, Extension{".rb", "ruby"},
                                    Extension{".pl", "perl"},    Extension{".php", "php"},
                                    Extension{".lua", "lua"},    Extension{".sh", "sh"}};

CannotRun cannot(const string& program, string why, int code, int errnum = 0) {
  return {Error{code == 127 ? Reason::not_found : Reason::failed, "run " + program, std::move(why), errnum},
          code};
}

bool is_file(const string& path) {
  struct stat st {};
  return stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

/// Returns whether the user that this thread acts as may execute a file; access(2) checks the process's own
/// user.
bool may_execute(const string& path) {
  return faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0;
}

bool executable(const string& path) {
  return is_file(path) && may_execute(path);
}

/// " as nobody", for a path in an error; empty: no other user's rights count.
string whose_rights(const Places& places) {
  return places.as != nullptr && places.as->acts ? " as " + places.as->name : "";
}

string joined(const string& directory, const string& name) {
  if (name.starts_with('/')) return name;
  string_view rest = name;
  while (rest.starts_with("./"))
    rest.remove_prefix(2);
  return directory + (directory.ends_with('/') ? "" : "/") + string(rest);
}

void note(FilesRead* read, const string& path, const Places& places) {
  if (read != nullptr) read->add(path, places.as);
}

/// Finds a program or an interpreter, by path or name; empty if there is none.
string find_program(const string& name, const Places& places, FilesRead* read) {
  if (name.find('/') == string::npos) return in_path(name, places, read);
  const string path = joined(places.directory, name);
  note(read, path, places);
  return executable(path) ? path : "";
}

/// Reads the first bytes of a file; empty, and errno, if it is unreadable. Does not read, or block on, a file
/// that is not a regular one any more.
string head_of(const string& path) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat st {};
  if (!file || fstat(file.get(), &st) != 0) return {};
  if (!S_ISREG(st.st_mode)) return errno = ENOEXEC, string();
  char buffer[256];
  ssize_t got = read(file.get(), buffer, sizeof buffer);
  return got > 0 ? string(buffer, static_cast<std::size_t>(got)) : string();
}

string_view without_blanks(string_view s) {
  auto from = s.find_first_not_of(" \t\r"), to = s.find_last_not_of(" \t\r");
  return from == string_view::npos ? string_view() : s.substr(from, to - from + 1);
}

string_view first_line(string_view head) {
  return head.substr(0, head.find('\n'));
}

/// Splits "#!/usr/bin/env node" into {"/usr/bin/env", "node"}: the interpreter and at most one argument, as
/// execve(2) does.
std::vector<string> shebang(string_view head) {
  string_view line = without_blanks(first_line(head).substr(2));
  auto space = line.find_first_of(" \t");
  std::vector<string> out{string(line.substr(0, space))};
  if (space != string_view::npos) out.emplace_back(without_blanks(line.substr(space)));
  return out;
}

std::vector<string> split(string_view text) {
  std::vector<string> out;
  while (!(text = without_blanks(text)).empty()) {
    auto end = std::min(text.find_first_of(" \t"), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

/// Returns what env(1) in a "#!" line executes, with -S too: {"/usr/bin/env", "-S node -a"} to {"node",
/// "-a"}. Unchanged if env does more than that: variables, options of its own, quotes.
std::vector<string> without_env(std::vector<string> words) {
  if (words.size() != 2 || !words.front().ends_with("/env")) return words;
  const bool splits = words.back().starts_with("-S");
  std::vector<string> out = split(string_view(words.back()).substr(splits ? 2 : 0));
  const bool plain = words.back().find_first_of("\"'\\$#") == string::npos;
  const bool one = splits || out.size() == 1;
  if (!plain || !one || out.empty() || out.front().starts_with('-') || out.front().find('=') != string::npos)
    return words;
  return out;
}

string_view file_name(string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

bool is_node(string_view path) {
  return file_name(path) == "node" || file_name(path) == "nodejs";
}

namespace {

/// Recognises python, python3, python3.11; pypy3.
bool is_python(string_view path) {
  string_view file = file_name(path);
  for (string_view start : {"python", "pypy"})
    if (file.starts_with(start))
      return file.find_first_not_of("0123456789.", start.size()) == string_view::npos;
  return false;
}

RunBy run_by(string_view interpreter) {
  return is_node(interpreter) ? RunBy::node : is_python(interpreter) ? RunBy::python : RunBy::other;
}

string_view interpreter_for(string_view path) {
  const string_view file = file_name(path);
  for (const Extension& e : kExtensions)
    if (file.size() > e.ending.size() && file.ends_with(e.ending)) return e.interpreter;
  return {};
}

}  // namespace

string in_path(const string& name, const Places& places, FilesRead* read) {
  const ActingAs as_user(places.as);
  if (as_user.error() != 0) return {};
  string_view rest = places.path.empty() ? "/usr/local/bin:/usr/bin:/bin" : string_view(places.path);
  while (true) {
    auto colon = rest.find(':');
    string place(rest.substr(0, colon));
    if (place.starts_with('/') || !places.directory.empty()) {
      const string candidate =
          joined(place.empty() ? places.directory : joined(places.directory, place), name);
      note(read, candidate, places);
      if (executable(candidate)) return candidate;
    }
    if (colon == string_view::npos) return {};
    rest.remove_prefix(colon + 1);
  }
}

namespace {

/// Says why a file cannot be a program, whatever its content.
std::optional<CannotRun> no_program(const string& name, const string& path, const Places& places) {
  struct stat st {};
  if (stat(path.c_str(), &st) != 0)
    return cannot(name, path + whose_rights(places), errno == EACCES ? 126 : 127, errno);
  if (S_ISDIR(st.st_mode)) return cannot(name, path + " is a directory", 126);
  if (!S_ISREG(st.st_mode)) return cannot(name, path + " is not a regular file", 126);
  return std::nullopt;
}

}  // namespace

std::variant<Located, CannotRun> locate(const string& program, const Places& places) {
  if (program.empty()) return cannot("''", "the name is empty", 127);
  const ActingAs as_user(places.as);
  if (as_user.error() != 0) return cannot(program, "as " + places.as->name, 126, as_user.error());
  const string here = joined(places.directory, program);
  if (program.find('/') != string::npos || is_file(here)) {
    if (auto no = no_program(program, here, places)) return *no;
    return Located{here};
  }
  const string found = in_path(program, places);
  if (found.empty())
    return cannot(program, "no such file here (" + places.directory + "), and no such program in PATH", 127);
  return Located{found, found == in_path(program, {"", places.path, places.as})};
}

namespace {

/// The facts about a file before it is run.
struct Program {
  const string& path;
  string head;  ///< its first bytes
  bool elf() const {
    return head.starts_with(
        "\x7f"
        "ELF");
  }
  bool script() const { return head.starts_with("#!"); }
  bool executable() const { return may_execute(path); }
};

using Found = std::variant<Resolved, CannotRun>;

CannotRun no_interpreter(const Program& program, const string& name, const Places& places) {
  const string where = program.script() ? " (first line of " + program.path + ")" : "";
  return cannot(program.path,
                "its interpreter '" + name + "'" + where + " was not found" + whose_rights(places) +
                    "; is it installed?",
                127);
}

/// `words`: the interpreter and its own arguments.
Found through(const Program& program, std::vector<string> words, const std::vector<string>& args,
              const Places& places, FilesRead* read) {
  string found = find_program(words.front(), places, read);
  if (found.empty()) return no_interpreter(program, words.front(), places);
  Resolved out{program.path, std::move(words), run_by(found)};
  out.command.front() = std::move(found);
  out.command.insert(out.command.end(), args.begin(), args.end());
  out.interpreter_words.assign(out.command.begin() + 1, out.command.end());
  out.command.push_back(program.path);
  return out;
}

Resolved as_it_is(const Program& program) {
  return {program.path, {program.path}, run_by(program.path)};
}

/// The kernel follows the "#!" line.
Found script_as_it_is(const Program& program, const Places& places, FilesRead* read) {
  const auto line = shebang(program.head);
  if (first_line(program.head).ends_with('\r'))
    return cannot(program.path,
                  "its first line ends with a carriage return, so the kernel looks for '" + line.back() +
                      "\\r'; \"sed -i 's/\\r$//' " + program.path + "\" makes it a file of this system",
                  126);
  note(read, line.front(), places);
  if (!executable(line.front())) return no_interpreter(program, line.front(), places);
  Resolved out = as_it_is(program);
  const std::vector<string> words = without_env(line);
  const string& runs = words.front();
  // A program that has an interpreter's name may start the right one of several.
  if (out.by == RunBy::other && !find_program(runs, places, read).empty()) out.by = run_by(runs);
  out.interpreter_words.assign(words.begin() + 1, words.end());
  return out;
}

CannotRun cannot_read(const string& program, int error, const Places& places) {
  CannotRun out = cannot(program, program + whose_rights(places), 126, error);
  out.passes = error == EMFILE || error == ENFILE || error == ENOMEM;
  return out;
}

CannotRun nothing_to_pass_to(const string& program) {
  return cannot(program,
                "--interpreter-args: it is run as it is, by no interpreter; give --interpreter too, or the "
                "arguments behind PROGRAM",
                2);
}

}  // namespace

Found resolve(const string& program, const Places& places, const string& interpreter,
              const std::vector<string>& interpreter_args, FilesRead* read) {
  const ActingAs as_user(places.as);
  if (as_user.error() != 0) return cannot(program, "as " + places.as->name, 126, as_user.error());
  note(read, program, places);
  if (auto no = no_program(program, program, places)) return *no;
  if (!interpreter.empty()) return through({program, {}}, {interpreter}, interpreter_args, places, read);

  errno = 0;
  const Program file{program, head_of(program)};
  const int unreadable = errno;
  // Unreadable and executable: the kernel knows what it is.
  const bool known_to_kernel = unreadable == EACCES && file.executable();
  if (unreadable != 0 && !known_to_kernel) return cannot_read(program, unreadable, places);
  if (known_to_kernel || (file.elf() && file.executable()))
    return interpreter_args.empty() ? Found(as_it_is(file)) : Found(nothing_to_pass_to(program));
  if (file.script() && file.executable() && interpreter_args.empty())
    return script_as_it_is(file, places, read);
  if (file.script()) return through(file, without_env(shebang(file.head)), interpreter_args, places, read);
  if (string_view by_extension = interpreter_for(program); !by_extension.empty())
    return through(file, {string(by_extension)}, interpreter_args, places, read);
  return cannot(program,
                file.elf()
                    ? program + " is not executable; chmod +x it"
                    : program +
                          " is neither an executable, nor has it a #! line or an extension that names an "
                          "interpreter; use --interpreter",
                126);
}

std::vector<string> inspected(std::vector<string> command, int port, const Places& places) {
  if (!is_node(command.front())) {
    const ActingAs as_user(places.as);
    if (as_user.error() != 0) return command;
    const string head = head_of(command.front());
    if (!head.starts_with("#!")) return command;  // it is another file by now
    auto words = without_env(shebang(head));
    words.front() = find_program(words.front(), places, nullptr);
    if (words.front().empty()) return command;
    command.insert(command.begin(), words.begin(), words.end());
  }
  command.insert(command.begin() + 1, "--inspect=" + std::to_string(port));
  return command;
}

bool passed_on(string_view variable) {
  string_view key = variable.substr(0, variable.find('='));
  if (key == "KEEPER_HOME") return true;
  for (string_view start : {"KEEPER_", "WATCHDOG_", "LISTEN_", "NODE_CHANNEL_"})
    if (key.starts_with(start)) return false;
  return key != "NOTIFY_SOCKET" && key != "NODE_UNIQUE_ID";
}

std::vector<string> added_environment(const Spec& spec, int keeper_pid,
                                      const std::vector<string>& from_file) {
  std::vector<string> out;
  auto put = [&](string variable) {
    string_view key = string_view(variable).substr(0, variable.find('=') + 1);
    auto same = std::find_if(out.begin(), out.end(), [&](const string& v) { return v.starts_with(key); });
    if (same != out.end())
      *same = std::move(variable);
    else
      out.push_back(std::move(variable));
  };
  for (const string& variable : from_file)
    put(variable);
  for (const auto& [key, value] : spec.env)
    put(key + "=" + value);
  put("KEEPER_NAME=" + spec.name);
  put("KEEPER_INSTANCE=" + std::to_string(spec.instance));
  put("KEEPER_PID=" + std::to_string(keeper_pid));
  put("NODE_APP_INSTANCE=" + std::to_string(spec.instance));
  return out;
}

std::vector<const char*> merge_environment(const char* const* inherited, const std::vector<string>& added,
                                           Inherited which) {
  std::vector<const char*> out;
  for (; *inherited != nullptr; ++inherited) {
    string_view variable = *inherited;
    string_view key = variable.substr(0, variable.find('=') + 1);
    auto replaced = [&](const string& v) { return v.starts_with(key); };
    const bool wanted = which == Inherited::all || passed_on(variable);
    if (wanted && std::none_of(added.begin(), added.end(), replaced)) out.push_back(*inherited);
  }
  for (const string& variable : added)
    out.push_back(variable.c_str());
  out.push_back(nullptr);
  return out;
}

namespace {

/// Returns null if it is missing.
const char* find_variable(const char* const* environment, string_view key) {
  for (; *environment != nullptr; ++environment) {
    const string_view variable = *environment;
    if (variable.starts_with(key) && variable.substr(key.size()).starts_with('=')) return *environment;
  }
  return nullptr;
}

}  // namespace

string_view variable_in(const char* const* environment, string_view key) {
  const char* found = find_variable(environment, key);
  return found != nullptr ? string_view(found).substr(key.size() + 1) : string_view();
}

bool is_set(const char* const* environment, string_view key) {
  return find_variable(environment, key) != nullptr;
}

SpawnPlan::SpawnPlan(std::vector<string> command, const char* const* inherited, std::vector<string> added,
                     string directory, ChildSettings settings)
    : command_(std::move(command)),
      added_(std::move(added)),
      directory_(std::move(directory)),
      settings_(std::move(settings)),
      envp_(merge_environment(inherited, added_)) {
  for (const string& a : command_)
    argv_.push_back(a.c_str());
  argv_.push_back(nullptr);
}

}  // namespace keeper
