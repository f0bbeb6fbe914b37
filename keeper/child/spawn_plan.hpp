// What to execute, and everything about it that can fail before there is a process.
//
// Passive: reads the file system, changes nothing. A plan is used for one run of a child after the other, so
// that a restart costs the fork and the exec and little else, until one of the files that it was made of has
// changed (FilesRead).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "keeper/child/settings.hpp"
#include "protocol/home/acting_as.hpp"
#include "protocol/home/file_mark.hpp"
#include "protocol/wire/spec.hpp"

namespace keeper {

/// What a run is made by, as far as keeper cares.
enum class RunBy { other, node, python };

/// Whether a path is node's, by its name.
bool is_node(std::string_view path);

/// What a program name comes to.
struct Resolved {
  std::string program;               ///< absolute path of what the user named
  std::vector<std::string> command;  ///< what is executed: an interpreter before it, where it needs one
  RunBy by = RunBy::other;
  /// What its interpreter is given before the program, on the command line or by the "#!" line.
  std::vector<std::string> interpreter_words{};
};

/// Why a program cannot be run at all, with the exit code that a shell would give.
struct CannotRun {
  Error error;
  int exit_code = 127;  ///< 127: not found, an interpreter too; 126: found, and not to be executed
  bool passes = false;  ///< for want of descriptors or memory: it may go well another time
};

/// Where a program and what it needs are looked for, and with whose rights: the user of a program may
/// exchange its file for a link to anything, at any time.
struct Places {
  std::string directory;           ///< of relative paths; empty: relative entries of PATH are passed over
  std::string path;                ///< PATH; empty: the places that execvp(3) takes then
  const ActingUser* as = nullptr;  ///< null: this process's own rights
};

/// Where PROGRAM is, as an absolute path: with a slash from `places.directory`; without one that file there
/// if there is one, else the first executable one in PATH. `by_path`: the name alone leads there again, from
/// any directory.
struct Located {
  std::string path;
  bool by_path = false;
};
std::variant<Located, CannotRun> locate(const std::string& program, const Places& places);

/// The first executable file of that name in PATH; empty if there is none. `read`: null, or every path that
/// was looked at is added.
std::string in_path(const std::string& name, const Places& places, FilesRead* read = nullptr);

/// How the file at an absolute path is run: by `interpreter` if given (a path, or a name in PATH); else as it
/// is if executable and ELF or "#!"; else by its "#!"; else by its extension, also when it is executable;
/// else it cannot be run (126). With arguments for the interpreter a "#!" is followed here, not by the
/// kernel; where there is no interpreter they are refused. `read`: null, or every file is added that this
/// depends on.
std::variant<Resolved, CannotRun> resolve(const std::string& program, const Places& places,
                                          const std::string& interpreter,
                                          const std::vector<std::string>& interpreter_args,
                                          FilesRead* read = nullptr);

/// The command of a program that node runs (Resolved::by), with --inspect=PORT for node.
std::vector<std::string> inspected(std::vector<std::string> command, int port, const Places& places);

/// What the child's environment has on top of the caller's, as "K=V": from the file, then env, then what the
/// keeper adds.
std::vector<std::string> added_environment(const Spec& spec, int keeper_pid,
                                           const std::vector<std::string>& from_file);
/// The whole of it, as pointers into `inherited` (null-terminated, as environ(7)) and `added`, which goes
/// before. Left out of the inherited: what speaks of another manager (NOTIFY_SOCKET, WATCHDOG_*, LISTEN_*,
/// NODE_CHANNEL_*, NODE_UNIQUE_ID, KEEPER_* but KEEPER_HOME), where it comes from a caller. Ends with a null
/// pointer.
enum class Inherited { from_caller, all };
std::vector<const char*> merge_environment(const char* const* inherited,
                                           const std::vector<std::string>& added,
                                           Inherited which = Inherited::from_caller);
/// The value of a variable in such a list; empty, with a null data(), if it is not there.
std::string_view variable_in(const char* const* environment, std::string_view key);
/// Whether it is there, whatever its value is.
bool is_set(const char* const* environment, std::string_view key);
/// Whether a caller's variable ("K=V") is passed on to a child.
bool passed_on(std::string_view variable);

/// Ready-made arguments of execve(2), owned here. Not to be moved once made.
class SpawnPlan {
 public:
  /// `inherited` (null-terminated) is pointed into, and must not change while the plan is used.
  SpawnPlan(std::vector<std::string> command, const char* const* inherited, std::vector<std::string> added,
            std::string directory, ChildSettings settings = {});
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  const std::vector<std::string>& command() const { return command_; }
  const std::vector<std::string>& added() const { return added_; }
  char* const* argv() const { return const_cast<char* const*>(argv_.data()); }
  char* const* envp() const { return const_cast<char* const*>(envp_.data()); }
  const char* directory() const { return directory_.c_str(); }
  const char* executable() const { return command_.front().c_str(); }
  const ChildSettings& settings() const { return settings_; }

 private:
  std::vector<std::string> command_;
  std::vector<std::string> added_;
  std::string directory_;
  ChildSettings settings_;
  std::vector<const char*> argv_;
  std::vector<const char*> envp_;
};

}  // namespace keeper
