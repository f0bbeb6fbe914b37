// The command to execute, and every fault of it that can be found before there is a process.
//
// Passive: reads the file system, changes nothing. A plan is used for one run of a child after the other, so
// a restart costs little more than the fork and the exec, until one of the files that the plan was made of
// has changed (FilesRead).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "keeper/child/settings.hpp"
#include "protocol/base/acting_as.hpp"
#include "protocol/base/file_mark.hpp"
#include "protocol/wire/spec.hpp"

namespace keeper {

/// The kind of program, as far as keeper treats it differently.
enum class RunBy { other, node, python };

/// Returns whether a path is node's, by its name.
bool is_node(std::string_view path);

/// The result of resolving a program name.
struct Resolved {
  std::string program;               ///< absolute path of what the user named
  std::vector<std::string> command;  ///< the executed words: with an interpreter first, if it needs one
  RunBy by = RunBy::other;
  /// The interpreter's words before the program, from the command line or the "#!" line.
  std::vector<std::string> interpreter_words{};
};

/// The reason why a program cannot be run at all, with a shell's exit code.
struct CannotRun {
  Error error;
  int exit_code = 127;  ///< 127: not found, an interpreter too; 126: found, and not executable
  bool passes = false;  ///< for want of descriptors or memory: a later attempt may succeed
};

/// Where a program and its needs are searched, and with whose rights: the user of a program may exchange its
/// file for a link to anything, at any time.
struct Places {
  std::string directory;           ///< of relative paths; empty: relative entries of PATH are skipped
  std::string path;                ///< PATH; empty: the default of execvp(3)
  const ActingUser* as = nullptr;  ///< null: this process's own rights
};

/// The absolute path of PROGRAM: with a slash from `places.directory`; without one the file there if it
/// exists, else the first executable one in PATH. `by_path`: the name alone leads there again, from any
/// directory.
struct Located {
  std::string path;
  bool by_path = false;
};
std::variant<Located, CannotRun> locate(const std::string& program, const Places& places);

/// Returns the first executable file of that name in PATH; empty if there is none. `read`: if not null,
/// receives every path that was looked at.
std::string in_path(const std::string& name, const Places& places, FilesRead* read = nullptr);

/// Decides how the file at an absolute path is run: by `interpreter` if given (a path, or a name in PATH);
/// else directly if executable and ELF or "#!"; else by its "#!"; else by its extension, also when it is
/// executable; else it cannot be run (126). With arguments for the interpreter, this function follows a "#!"
/// instead of the kernel; without an interpreter they are refused. `read`: if not null, receives every file
/// that this depends on.
std::variant<Resolved, CannotRun> resolve(const std::string& program, const Places& places,
                                          const std::string& interpreter,
                                          const std::vector<std::string>& interpreter_args,
                                          FilesRead* read = nullptr);

/// Returns the command of a program that node runs (Resolved::by), with --inspect=PORT for node.
std::vector<std::string> inspected(std::vector<std::string> command, int port, const Places& places);

/// Returns what the child's environment adds to the caller's, as "K=V": from the file, then env, then the
/// keeper's own.
std::vector<std::string> added_environment(const Spec& spec, int keeper_pid,
                                           const std::vector<std::string>& from_file);
/// Returns the whole environment, as pointers into `inherited` (null-terminated, as environ(7)) and `added`,
/// which overrides it. Omits inherited variables of another manager (NOTIFY_SOCKET, WATCHDOG_*, LISTEN_*,
/// NODE_CHANNEL_*, NODE_UNIQUE_ID, KEEPER_* but KEEPER_HOME) if they come from a caller. Ends with a null
/// pointer.
enum class Inherited { from_caller, all };
std::vector<const char*> merge_environment(const char* const* inherited,
                                           const std::vector<std::string>& added,
                                           Inherited which = Inherited::from_caller);
/// Returns the value of a variable in such a list; empty, with a null data(), if it is missing.
std::string_view variable_in(const char* const* environment, std::string_view key);
/// Returns whether the variable is set, whatever its value.
bool is_set(const char* const* environment, std::string_view key);
/// Returns whether a caller's variable ("K=V") is passed on to a child.
bool passed_on(std::string_view variable);

/// Ready-made arguments of execve(2), owned here. Must not be moved once made.
class SpawnPlan {
 public:
  /// Points into `inherited` (null-terminated), which must not change while the plan is used.
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
