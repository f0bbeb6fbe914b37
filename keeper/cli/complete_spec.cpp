#include "keeper/cli/complete_spec.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "keeper/app/print_error.hpp"
#include "keeper/child/account.hpp"
#include "keeper/child/env_file.hpp"
#include "keeper/child/getent.hpp"
#include "keeper/child/run_extras.hpp"
#include "keeper/child/spawn_plan.hpp"
#include "keeper/cli/app_name.hpp"
#include "keeper/cli/descriptor_need.hpp"
#include "keeper/node/node_command.hpp"
#include "keeper/survive/role.hpp"
#include "protocol/base/current_directory.hpp"
#include "protocol/base/pid_file.hpp"

extern char** environ;

namespace keeper {
namespace {

using std::string;

string absolute(const string& path, const string& directory) {
  return path.empty() || path.front() == '/' ? path : directory + "/" + path;
}

/// The descriptor of --ready fd:N is the program's way to keeper, and nothing else can have its number.
std::optional<int> check_ready_descriptor(const Spec& spec) {
  for (const ReadyCondition& condition : spec.ready.events())
    if (condition.kind == ReadyCondition::Kind::fd && spec.inherit_fds.contains(condition.fd))
      return complain("cannot start: --ready " + condition.text +
                          ": --inherit-fds passes that descriptor on already; use another number",
                      2);
  return std::nullopt;
}

/// Descriptors that are asked for and are not there: before this process opens any of its own.
std::optional<int> check_descriptors(const Spec& spec) {
  auto missing = not_open({spec.inherit_fds.begin(), spec.inherit_fds.end()});
  if (missing.empty()) return std::nullopt;
  string number = std::to_string(missing.front());
  return complain("cannot start: --inherit-fds: descriptor " + number + " is not open here (" + number +
                      "<FILE in the shell opens it)",
                  2);
}

constexpr const char* kListenNumbers =
    "--listen passes its sockets on as 3, 4, ... (LISTEN_FDS); use another number";

/// Listening sockets have the numbers from 3 on, and nothing else can have one of those.
std::optional<int> check_listen_numbers(const Spec& spec) {
  auto taken = [&](int fd) {
    return fd >= kFirstPassedFd && fd < kFirstPassedFd + static_cast<int>(spec.listen.size());
  };
  for (int fd : spec.inherit_fds)
    if (taken(fd))
      return complain("cannot start: --inherit-fds " + std::to_string(fd) + ": " + kListenNumbers, 2);
  for (const ReadyCondition& condition : spec.ready.events())
    if (condition.kind == ReadyCondition::Kind::fd && taken(condition.fd))
      return complain("cannot start: --ready " + condition.text + ": " + kListenNumbers, 2);
  return std::nullopt;
}

/// Paths are those of the caller's directory. Each instance would have to have the same address.
std::optional<int> take_addresses(Spec& spec, const string& here) {
  if (spec.lazy && spec.listen.empty())
    return complain("cannot start: --lazy: nothing is listened at; give --listen tcp:8080, or leave it out",
                    2);
  if (spec.listen.empty()) return std::nullopt;
  if (spec.instances > 1)
    return complain("cannot start: --listen: " + std::to_string(spec.instances) +
                        " instances cannot each listen at " + spec.listen.front().place() +
                        "; start one, or several apps with an address each",
                    2);
  for (ListenAddress& address : spec.listen)
    if (address.has_file()) {
      address.path = absolute(address.path, here);
      if (auto fits = ListenAddress::parse(address.text()); !fits)
        return complain("cannot start: --listen: " + fits.error().why(), 2);
    }
  return check_listen_numbers(spec);
}

/// Without root nobody but the caller can be had.
Done allowed(const Account& account) {
  if (geteuid() == 0) return {};
  if (account.uid == geteuid() && account.gid == getegid()) return {};
  return Error{Reason::refused,
               {},
               "to run as another user or group needs root, and this is " + user_name(geteuid()) +
                   "; leave it out, or use sudo",
               0};
}

/// Fills in who it runs as: the caller, or the user that is asked for.
Done take_user(Spec& spec) {
  if (spec.user.empty()) {
    spec.user = user_name(geteuid());
    return {};
  }
  auto account = find_account(spec.user);
  if (!account) return account.error();
  if (Done done = allowed(*account); !done) return done;
  auto colon = spec.user.find(':');
  spec.user = account->name + (colon == string::npos ? "" : spec.user.substr(colon));
  spec.run_as = account_text(*account);
  return {};
}

/// As other values that are wrong.
int refuse(const string& field, const string& why) {
  return complain("cannot start: --" + field + ": " + why, 2);
}

/// Where it is to run. As another user it is entered as that one, when the program is started.
std::optional<int> take_directory(Spec& spec, const string& here) {
  spec.cwd = spec.cwd.empty() ? here : absolute(spec.cwd, here);
  struct stat st {};
  if (stat(spec.cwd.c_str(), &st) < 0)
    return refuse("cwd", spec.cwd + ": " + strerror(errno) + "; make that directory first, or give another");
  if (!S_ISDIR(st.st_mode)) return refuse("cwd", spec.cwd + " is no directory");
  if (faccessat(AT_FDCWD, spec.cwd.c_str(), X_OK, AT_EACCESS) < 0)
    return refuse("cwd", spec.cwd + ": " + strerror(errno) + "; to run there needs the right to enter it");
  return std::nullopt;
}

/// What counts starts again, and could count none.
std::optional<int> check_restart(const Spec& spec) {
  if (spec.restart != Restart::never) return std::nullopt;
  const char* field = spec.start_retries               ? "start-retries"
                      : spec.max_restarts              ? "max-restarts"
                      : spec.restart_delay.count() > 0 ? "restart-delay"
                                                       : nullptr;
  if (field == nullptr) return std::nullopt;
  return refuse(field, "with --restart never nothing is started again; leave one of them out");
}

std::optional<int> check_window(const Spec& spec) {
  if (!spec.restart_window || spec.max_restarts) return std::nullopt;
  return refuse("restart-window",
                "it is the time in which --max-restarts counts; give that too: --max-restarts 10");
}

std::optional<int> take_pid_file(Spec& spec, const string& here) {
  if (spec.pid_file.empty()) return std::nullopt;
  spec.pid_file = absolute(spec.pid_file, here);
  const ActingUser user = acting_user(spec.run_as);
  Done done = check_pid_file(spec.pid_file, &user);
  if (done) return std::nullopt;
  return refuse("pid-file", done.error().why());
}

/// Their variables are read again by each run; here it is seen that they can be.
std::optional<int> take_env_files(Spec& spec, const string& here, std::vector<string>& variables) {
  const ActingUser user = acting_user(spec.run_as);
  for (string& file : spec.env_file) {
    file = absolute(file, here);
    auto read = read_env_file(file, user);
    if (!read) return refuse("env-file", file + ": " + read.error().why());
    variables.insert(variables.end(), read->begin(), read->end());
  }
  return std::nullopt;
}

/// All conditions have to hold by ready_timeout, and this one cannot.
std::optional<int> check_start_secs(const Spec& spec) {
  bool in_time = !spec.ready.secs() || spec.ready.events().empty() || spec.start_secs < spec.ready_timeout;
  if (in_time) return std::nullopt;
  return refuse("start-secs", duration_text(spec.start_secs) +
                                  " can never have passed within --ready-timeout " +
                                  duration_text(spec.ready_timeout) + "; give it a longer one");
}

/// The keeper itself never asks for a name: that may take long. A host that moves is found at its next start.
std::optional<int> take_syslog(Spec& spec) {
  if (!spec.log_syslog || spec.log_syslog->local()) return std::nullopt;
  auto addresses = addresses_of(spec.log_syslog->host);
  if (!addresses) return refuse("log-syslog", addresses.error().why());
  spec.log_syslog_addresses = std::move(*addresses);
  return std::nullopt;
}

/// What is said over the channel needs one.
std::optional<int> check_channel(const Spec& spec, bool by_node) {
  const bool cluster = spec.cluster.value_or(false);
  const bool asks = cluster || spec.ready.has(ReadyCondition::Kind::node) || !spec.stop_message.empty();
  if (!asks || (by_node && spec.ipc)) return std::nullopt;
  const char* field = cluster ? "cluster" : spec.stop_message.empty() ? "ready" : "stop-message";
  return refuse(field, by_node ? "it goes over the channel that --no-ipc leaves out; give one of the two"
                               : "only a program that node runs has a channel for it");
}

/// Options that speak to node, or of a cluster, and would have no effect.
std::optional<int> check_options_of_node(const Spec& spec, bool by_node) {
  const char* field = by_node ? nullptr : spec.inspect ? "inspect" : spec.ipc ? nullptr : "no-ipc";
  if (field != nullptr) return refuse(field, "node does not run this program; leave it out");
  const bool several = spec.instances > 1 && spec.cluster.value_or(true);
  if (spec.listen_mode != ListenMode::shared && !(by_node && (several || spec.cluster.value_or(false))))
    return refuse("listen-mode",
                  "it is for workers of a cluster of node; give --cluster too, or leave it out");
  return std::nullopt;
}

/// Options that speak to python and would have no effect.
std::optional<int> check_options_of_python(const Spec& spec, bool by_python) {
  if (spec.unbuffered || by_python) return std::nullopt;
  return refuse("no-unbuffered", "python does not run this program; leave it out");
}

/// What is started with these words as a worker of a cluster would be none, for the reason that is given, and
/// what to do about it; empty: it would be one.
string no_worker(const Spec& spec, const Resolved& resolved) {
  const bool node_itself = resolved.command.size() == 1 && is_node(resolved.command.front());
  NodeCommand runs{NodeCommand::Runs::script, resolved.program};
  if (node_itself) runs = read_node_command(spec.args);
  const std::vector<string> behind = node_itself ? std::vector<string>() : spec.args;
  switch (runs.runs) {
    case NodeCommand::Runs::script: break;
    case NodeCommand::Runs::another:
      return "node starts its program as a child process here; give that itself";
    case NodeCommand::Runs::code:
    case NodeCommand::Runs::nothing: return "node runs no file here; put the program into one";
  }
  const string remedy = launcher_remedy(runs.script, behind);
  if (remedy.empty()) return {};
  return default_name(runs.script) + " starts the program as a child process; give " + remedy;
}

/// As in pm2: several of what node runs are a cluster. Where they cannot be one that is said: the second of
/// them could not have the port of the first.
std::optional<int> take_cluster(Spec& spec, bool by_node, const Resolved& resolved) {
  const bool asked = spec.cluster.value_or(false);
  const bool wanted = asked || (by_node && spec.ipc && spec.instances > 1 && !spec.cluster);
  if (!wanted) return std::nullopt;
  const string why = no_worker(spec, resolved);
  if (!why.empty() && asked) return refuse("cluster", why);
  if (why.empty())
    spec.cluster = true;
  else
    complain("these " + std::to_string(spec.instances) + " instances share no port: " + why +
             " (--no-cluster: they need not)");
  return std::nullopt;
}

/// Node listens for a debugger without a change of the command line.
void take_debug(Spec& spec) {
  const char* debug = std::getenv("KEEPER_DEBUG");
  if (!spec.inspect && debug != nullptr && string(debug) == "1") spec.inspect = PortNumber{9229};
}

}  // namespace

std::optional<int> prepare(Spec& spec) {
  if (auto code = check_descriptors(spec)) return code;
  if (auto code = check_ready_descriptor(spec)) return code;
  if (auto code = check_restart(spec)) return code;
  if (auto code = check_window(spec)) return code;
  if (auto code = check_start_secs(spec)) return code;
  string user = spec.user;
  if (Done done = take_user(spec); !done)
    return complain("cannot start: --user " + user + ": " + done.error().why(), 2);
  const auto where = current_directory();
  if (!where) return complain("cannot start: the current directory: " + where.error().why());
  const string& here = *where;
  std::vector<string> from_file;
  if (auto code = take_directory(spec, here)) return code;
  if (auto code = take_pid_file(spec, here)) return code;
  if (auto code = take_addresses(spec, here)) return code;
  if (auto code = take_env_files(spec, here, from_file)) return code;
  if (auto code = take_syslog(spec)) return code;
  for (string* log : {&spec.log, &spec.error_log})
    if (*log != "none" && *log != "-" && *log != "apart") *log = absolute(*log, here);
  if (!spec.clear_env)
    for (char** v = environ; *v != nullptr; ++v)
      if (passed_on(*v)) spec.environment.emplace_back(*v);

  std::vector<const char*> inherited;
  for (const string& v : spec.environment)
    inherited.push_back(v.c_str());
  inherited.push_back(nullptr);
  auto added = added_environment(spec, 0, from_file);
  const string path(variable_in(merge_environment(inherited.data(), added).data(), "PATH"));
  const ActingUser runs_as = acting_user(spec.run_as);
  auto located = locate(spec.program, {here, path, &runs_as});
  if (auto* no = std::get_if<CannotRun>(&located)) return complain(no->error, no->exit_code);
  const Located& at = std::get<Located>(located);
  if (spec.interpreter.find('/') != string::npos) spec.interpreter = absolute(spec.interpreter, here);
  auto found = resolve(at.path, {spec.cwd, path, &runs_as}, spec.interpreter, spec.interpreter_args);
  if (auto* no = std::get_if<CannotRun>(&found)) return complain(no->error, no->exit_code);
  const Resolved& resolved = std::get<Resolved>(found);
  const bool by_node = resolved.by == RunBy::node;
  if (auto code = check_channel(spec, by_node)) return code;
  if (auto code = check_options_of_node(spec, by_node)) return code;
  if (auto code = check_options_of_python(spec, resolved.by == RunBy::python)) return code;
  take_debug(spec);
  if (auto code = take_cluster(spec, by_node, resolved)) return code;
  if (auto code = check_descriptor_limit(spec, by_node)) return code;
  if (!at.by_path) spec.program = at.path;  // a name is looked up by each run
  return std::nullopt;
}

namespace {

/// A name service that does not answer is no reason not to start: the addresses of before are good still.
/// That is said.
bool look_up_syslog(Spec& spec) {
  if (!spec.log_syslog || spec.log_syslog->local()) return false;
  auto addresses = addresses_of(spec.log_syslog->host);
  if (!addresses) {
    const string& before = spec.log_syslog_addresses;
    complain(file_stem(spec.name, spec.instance) + ": --log-syslog: " + addresses.error().why() +
             (before.empty() ? "; nothing is sent there" : "; it goes on to " + before));
    return false;
  }
  if (*addresses == spec.log_syslog_addresses) return false;
  spec.log_syslog_addresses = std::move(*addresses);
  return true;
}

}  // namespace

Result<bool> look_up_again(Spec& spec) {
  bool moved = look_up_syslog(spec);
  if (spec.run_as.empty() && spec.user == user_name(geteuid())) return moved;
  auto account = find_account(spec.user);
  if (!account) return Error{account.error().reason, "run as " + spec.user, account.error().why(), 0};
  string before = std::exchange(spec.run_as, account_text(*account));
  return moved || before != spec.run_as;
}

}  // namespace keeper
