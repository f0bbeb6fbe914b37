#include "keeper/prepare.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "keeper/child/spawn_plan.hpp"
#include "keeper/complain.hpp"

extern char** environ;

namespace keeper {
namespace {

using std::string;

string working_directory() {
  char* name = get_current_dir_name();
  string out = name != nullptr ? name : "/";
  std::free(name);
  return out;
}

string absolute(const string& path, const string& directory) {
  return path.empty() || path.front() == '/' ? path : directory + "/" + path;
}

/// The user's name for people. /etc/passwd first; a user of a name service is asked of getent, for a static
/// program has no name services of its own.
string user_name(unsigned uid) {
  string name = std::to_string(uid);
  if (std::FILE* file = std::fopen("/etc/passwd", "re")) {
    string found;
    for (const passwd* p = fgetpwent(file); p != nullptr && found.empty(); p = fgetpwent(file))
      if (p->pw_uid == uid) found = p->pw_name;
    std::fclose(file);
    if (!found.empty()) return found;
  }
  string command = "getent passwd " + name + " 2>/dev/null";
  std::FILE* answer = popen(command.c_str(), "re");
  if (answer == nullptr) return name;
  char line[256];
  if (std::fgets(line, sizeof line, answer) != nullptr) {
    string text = line;
    if (auto colon = text.find(':'); colon != string::npos && colon > 0) name = text.substr(0, colon);
  }
  pclose(answer);
  return name;
}

}  // namespace

std::optional<int> prepare(Spec& spec) {
  string here = working_directory();
  spec.cwd = spec.cwd.empty() ? here : absolute(spec.cwd, here);
  struct stat st {};
  if (stat(spec.cwd.c_str(), &st) < 0 || !S_ISDIR(st.st_mode))
    return complain("cannot run in " + spec.cwd + ": " + (errno != 0 ? strerror(errno) : "not a directory"),
                    1);
  spec.env_file = absolute(spec.env_file, here);
  spec.pid_file = absolute(spec.pid_file, here);
  if (spec.log != "none" && spec.log != "-") spec.log = absolute(spec.log, here);
  if (!spec.clear_env)
    for (char** v = environ; *v != nullptr; ++v)
      if (passed_on(*v)) spec.environment.emplace_back(*v);
  spec.user = user_name(geteuid());

  std::vector<string> from_file;
  if (!spec.env_file.empty()) {
    auto read = read_env_file(spec.env_file);
    if (!read) return complain(read.error());
    from_file = std::move(*read);
  }
  std::vector<const char*> inherited;
  for (const string& v : spec.environment)
    inherited.push_back(v.c_str());
  inherited.push_back(nullptr);
  auto added = added_environment(spec, 0, from_file);
  string path(variable_in(merge_environment(inherited.data(), added), "PATH"));
  auto found = resolve(spec.program, here, spec.interpreter, spec.interpreter_args, path);
  if (auto* no = std::get_if<CannotRun>(&found)) return complain(no->error, no->exit_code);
  spec.program = std::get<Resolved>(found).program;
  return std::nullopt;
}

string default_name(const string& program) {
  string file = program.substr(program.rfind('/') + 1);
  auto dot = file.rfind('.');
  return legal_name(dot == string::npos || dot == 0 ? file : file.substr(0, dot));
}

}  // namespace keeper
