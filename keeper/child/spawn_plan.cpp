#include "keeper/child/spawn_plan.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "protocol/home/home.hpp"

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

bool executable(const string& path) {
  return is_file(path) && access(path.c_str(), X_OK) == 0;
}

string joined(const string& directory, const string& name) {
  if (name.starts_with('/')) return name;
  string_view rest = name;
  while (rest.starts_with("./"))
    rest.remove_prefix(2);
  return directory + (directory.ends_with('/') ? "" : "/") + string(rest);
}

/// The first executable file of that name in PATH; empty if there is none.
string in_path(const string& name, string_view path_variable, const string& directory) {
  while (true) {
    auto colon = path_variable.find(':');
    string place(path_variable.substr(0, colon));
    string candidate = joined(place.empty() ? directory : joined(directory, place), name);
    if (executable(candidate)) return candidate;
    if (colon == string_view::npos) return {};
    path_variable.remove_prefix(colon + 1);
  }
}

/// A program or an interpreter, by path or name; empty if there is none.
string find_program(const string& name, string_view path_variable, const string& directory) {
  if (name.find('/') != string::npos)
    return executable(joined(directory, name)) ? joined(directory, name) : "";
  return in_path(name, path_variable, directory);
}

/// The first bytes of a file; empty if it cannot be read.
string head_of(const string& path) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file) return {};
  char buffer[256];
  ssize_t got = read(file.get(), buffer, sizeof buffer);
  return got > 0 ? string(buffer, static_cast<std::size_t>(got)) : string();
}

/// "#!/usr/bin/env node" to {"/usr/bin/env", "node"}: the interpreter and at most one argument, as execve(2)
/// does.
std::vector<string> shebang(string_view head) {
  string_view line =
      head.substr(2, head.find('\n') == string_view::npos ? string_view::npos : head.find('\n') - 2);
  auto trim = [](string_view s) {
    auto from = s.find_first_not_of(" \t\r"), to = s.find_last_not_of(" \t\r");
    return from == string_view::npos ? string_view() : s.substr(from, to - from + 1);
  };
  line = trim(line);
  auto space = line.find_first_of(" \t");
  std::vector<string> out{string(line.substr(0, space))};
  if (space != string_view::npos) out.emplace_back(trim(line.substr(space)));
  return out;
}

string_view interpreter_for(string_view path) {
  string_view file = path.substr(path.rfind('/') + 1);
  for (const Extension& e : kExtensions)
    if (file.size() > e.ending.size() && file.ends_with(e.ending)) return e.interpreter;
  return {};
}

}  // namespace

std::variant<Resolved, CannotRun> resolve(const string& program, const string& directory,
                                          const string& interpreter,
                                          const std::vector<string>& interpreter_args,
                                          string_view path_variable) {
  if (path_variable.empty()) path_variable = "/usr/local/bin:/usr/bin:/bin";
  if (program.empty()) return cannot("''", "the name is empty", 127);
  string here = joined(directory, program);
  bool by_path = program.find('/') != string::npos;
  string path = by_path || is_file(here) ? here : in_path(program, path_variable, directory);
  struct stat st {};
  if (path.empty())
    return cannot(program, "no such file here (" + directory + "), and no such program in PATH", 127);
  if (stat(path.c_str(), &st) != 0) return cannot(program, path, errno == EACCES ? 126 : 127, errno);
  if (S_ISDIR(st.st_mode)) return cannot(program, path + " is a directory", 126);
  if (!S_ISREG(st.st_mode)) return cannot(program, path + " is not a regular file", 126);

  auto through = [&](const string& name,
                     const std::vector<string>& args) -> std::variant<Resolved, CannotRun> {
    string found = find_program(name, path_variable, directory);
    if (found.empty())
      return cannot(program, "its interpreter '" + name + "' was not found; is it installed?", 127);
    Resolved out{path, {found}};
    out.command.insert(out.command.end(), args.begin(), args.end());
    out.command.push_back(path);
    return out;
  };
  if (!interpreter.empty()) return through(interpreter, interpreter_args);

  errno = 0;
  string head = head_of(path);
  if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
    CannotRun out = cannot(program, path, 126, errno);
    out.passes = true;
    return out;
  }
  // Not to be read, but to be run: the kernel knows what it is.
  if (errno == EACCES && access(path.c_str(), X_OK) == 0) return Resolved{path, {path}};
  bool elf = head.starts_with(
      "\x7f"
      "ELF");
  bool script = head.starts_with("#!");
  if (access(path.c_str(), X_OK) == 0 && (elf || script)) {
    if (script) {
      auto words = shebang(head);
      if (!executable(words.front()))
        return cannot(program,
                      "its interpreter '" + words.front() + "' (first line of " + path + ") was not found",
                      127);
    }
    return Resolved{path, {path}};
  }
  if (script) {
    auto words = shebang(head);
    return through(words.front(), {words.begin() + 1, words.end()});
  }
  if (string_view by_extension = interpreter_for(path); !by_extension.empty())
    return through(string(by_extension), interpreter_args);
  if (access(path.c_str(), R_OK) != 0) return cannot(program, path, 126, EACCES);
  return cannot(program,
                elf ? path + " is not executable; chmod +x it"
                    : path +
                          " is neither an executable, nor has it a #! line or an extension that names an "
                          "interpreter; use --interpreter",
                126);
}

namespace {

bool is_node(string_view path) {
  string_view file = path.substr(path.rfind('/') + 1);
  return file == "node" || file == "nodejs";
}

/// The node that the "#!" line of a program names; empty if it names something else.
string node_of_script(const string& program, string_view path_variable) {
  string head = head_of(program);
  if (!head.starts_with("#!")) return {};
  auto words = shebang(head);
  if (words.size() == 1 && is_node(words.front())) return words.front();
  bool by_env = words.size() == 2 && words.front().ends_with("/env") && is_node(words.back());
  return by_env ? find_program(words.back(), path_variable, "/") : "";
}

}  // namespace

bool runs_node(const std::vector<string>& command, string_view path_variable) {
  if (command.empty()) return false;
  return is_node(command.front()) || !node_of_script(command.front(), path_variable).empty();
}

std::vector<string> inspected(std::vector<string> command, int port, string_view path_variable) {
  if (command.empty()) return command;
  if (!is_node(command.front())) {
    string node = node_of_script(command.front(), path_variable);
    if (node.empty()) return command;
    command.insert(command.begin(), node);
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

string_view variable_in(const char* const* environment, string_view key) {
  for (; *environment != nullptr; ++environment) {
    const string_view variable = *environment;
    if (variable.starts_with(key) && variable.substr(key.size()).starts_with('='))
      return variable.substr(key.size() + 1);
  }
  return {};
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
