#include "keeper/app/spawner.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <cerrno>
#include <csignal>

#include "keeper/app/configuration.hpp"
#include "keeper/app/end_watcher.hpp"
#include "keeper/app/node_channels.hpp"
#include "keeper/app/program_watch.hpp"
#include "keeper/app/readiness_tracker.hpp"
#include "keeper/app/record_writer.hpp"
#include "keeper/app/runs.hpp"
#include "keeper/app/state_journal.hpp"
#include "keeper/app/status_builder.hpp"
#include "keeper/child/account.hpp"
#include "keeper/child/env_file.hpp"
#include "keeper/child/process.hpp"
#include "keeper/child/settings.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/file_place.hpp"
#include "protocol/base/proc.hpp"

namespace keeper {
namespace {

/// Set to anything but an empty text, python writes at once (python(1)).
constexpr const char* kUnbuffered = "PYTHONUNBUFFERED";

/// Returns what a program that speaks sd_notify(3) finds in its environment, as "K=V". `socket`: empty if
/// there is none.
std::vector<std::string> notify_environment(const std::string& socket, const Spec& spec) {
  std::vector<std::string> out;
  if (!socket.empty()) out.push_back("NOTIFY_SOCKET=" + socket);
  if (spec.watchdog) out.push_back("WATCHDOG_USEC=" + std::to_string(spec.watchdog->count() * 1000));
  return out;
}

/// What would be executed now, by a process with that environment: with its user's rights, as its user
/// may have chosen every path of it. `read`: as of added_variables().
std::variant<Resolved, CannotRun> look_up(const Spec& spec, const ActingUser& user,
                                          const char* const* inherited, const std::vector<std::string>& added,
                                          FilesRead* read) {
  Places places{spec.cwd, std::string(variable_in(merge_environment(inherited, added).data(), "PATH")),
                &user};
  std::string program = spec.program;
  if (program.find('/') == std::string::npos) {
    program = in_path(program, {"", places.path, &user}, read);
    if (program.empty())
      return CannotRun{{Reason::not_found, "run " + spec.program, "there is no such program in PATH", 0}};
  }
  auto found = resolve(program, places, spec.interpreter, spec.interpreter_args, read);
  if (auto* resolved = std::get_if<Resolved>(&found)) {
    std::vector<std::string>& command = resolved->command;
    if (is_node(resolved->program)) resolved->interpreter_words = spec.args;
    if (spec.inspect && resolved->by == RunBy::node)
      command = inspected(std::move(command), spec.inspect->value + spec.instance, places);
    command.insert(command.end(), spec.args.begin(), spec.args.end());
  }
  return found;
}

Error gone(const std::string& user) {
  return {Reason::not_found, "run as " + user, "there is no such user or group any more", 0};
}

/// Whether a run could begin there.
Done check_directory(const std::string& path, const ActingUser& user) {
  const ActingAs as_user(&user);
  if (as_user.error() != 0) return system_error("enter " + path, "as " + user.name);
  // Through "." a directory has to be entered.
  const Fd inside(open((path + "/.").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  return inside ? Done() : system_error("enter " + path);
}

/// Whether a start that fails with this errno may work a moment later.
bool passes(int error) {
  constexpr std::array moment = {EMFILE, ENFILE, ENOMEM, EIO};
  return std::find(moment.begin(), moment.end(), error) != moment.end();
}

/// Ends a process that cannot be watched: no keeper would keep it. It is reaped as an orphan is.
void end_unkept(int pid) {
  kill(-pid, SIGKILL);
}

}  // namespace

/// Returns the variables of a run beside those that it inherits. `read`: null, or every file is added that
/// they come from.
Result<std::vector<std::string>> Spawner::added_variables(const Spec& spec, const ActingUser& user,
                                                          FilesRead* read) const {
  std::vector<std::string> from_file = notify_environment(with_.readiness.socket_name(), spec);
  for (std::string& variable : user_environment(spec))
    from_file.push_back(std::move(variable));
  for (const std::string& file : spec.env_file) {
    if (read != nullptr) read->add(file, rights_at(file, user));
    auto variables = read_env_file(file, user);
    if (!variables) return variables.error();
    from_file.insert(from_file.end(), variables->begin(), variables->end());
  }
  return added_environment(spec, getpid(), from_file);
}

/// Takes the user's ids, groups and home as the files of this system have them now. Nobody else is asked: a
/// name service may take long, and the command that started this keeper has asked it. True if something is
/// another. Errors: the user was removed.
Result<bool> Spawner::look_up_user() {
  if (app_.spec.run_as.empty()) return false;
  for (const char* file : {"/etc/passwd", "/etc/group"})
    files_.add(file);
  const auto account = find_local_account(app_.spec.user);
  if (!account && local_user_ == app_.spec.user) return gone(app_.spec.user);
  if (!account) return false;
  local_user_ = app_.spec.user;
  std::string now = account_text(*account);
  if (now == app_.spec.run_as) return false;
  app_.spec.run_as = std::move(now);
  with_.configuration.note_user();
  return true;
}

/// Node writes at once while the pipe has room, and forgets what had none when it ends by process.exit().
void Spawner::make_room_for_output() {
  constexpr int most = 1 << 20;  // without privileges (pipe(7))
  for (int pipe : {app_.output->out(), app_.output->err()})
    fcntl(pipe, F_SETPIPE_SZ, most);
}

Done Spawner::check_start(const Spec& spec, const char* const* inherited) const {
  if (!spec.run_as.empty() && spec.user == local_user_ && !find_local_account(spec.user))
    return gone(spec.user);
  const ActingUser user = app_.home.acting_user(spec);
  const auto added = added_variables(spec, user);
  if (!added) return added.error();
  if (auto settings = make_settings(spec, app_.table.inherit, app_.table.oom_score_adj); !settings)
    return settings.error();
  const auto found = look_up(spec, user, inherited, *added, nullptr);
  if (const auto* no = std::get_if<CannotRun>(&found); no != nullptr && !no->passes) return no->error;
  return check_directory(spec.cwd, user);
}

Done Spawner::may_end(const Spec& spec, const char* const* inherited) const {
  const auto pid = app_.machine.wanted() == Wanted::up ? app_.machine.pid() : std::nullopt;
  const Done done = pid ? check_start(spec, inherited) : Done();
  if (done || passes(done.error().errnum)) return {};
  return Error{Reason::refused, "restart " + app_.stem(),
               done.error().text() + "; pid " + std::to_string(*pid) + " runs on", 0};
}

/// The plan is made anew after a spawn that failed, and when something that it was made of has changed: files
/// of variables, the program, what runs it, PATH, the user.
bool Spawner::make_plan() {
  plan_.reset();
  files_.clear();
  auto fail = [this](const Error& error) {
    error_ = SpawnError{Stage::prepare, error.errnum, error.text(),
                        error.reason == Reason::not_found || error.reason == Reason::refused};
    return false;
  };
  auto other_user = look_up_user();
  if (!other_user) return fail(other_user.error());
  if (*other_user) with_.configuration.record_user();
  auto added = added_variables(app_.spec, app_.user, &files_);
  if (!added) return fail(added.error());
  auto settings = make_settings(app_.spec, app_.table.inherit, app_.table.oom_score_adj);
  if (!settings) return fail(settings.error());
  // This process was given the environment that the child is to inherit: it need not be held a second time.
  auto found = look_up(app_.spec, app_.user, environ, *added, &files_);
  if (auto* no = std::get_if<CannotRun>(&found)) {
    error_ = SpawnError{Stage::exec, no->exit_code == 127 ? ENOENT : EACCES, no->error.text(), !no->passes};
    return false;
  }
  Resolved& resolved = std::get<Resolved>(found);
  if (app_.spec.restart_on_change) with_.program.watch(resolved.program);
  words_for_node_ = std::move(resolved.interpreter_words);
  by_node_ = app_.spec.ipc && resolved.by == RunBy::node;
  if (resolved.by == RunBy::node) make_room_for_output();
  const bool buffers = resolved.by == RunBy::python && app_.spec.unbuffered;
  if (buffers && !is_set(merge_environment(environ, *added).data(), kUnbuffered))
    added->push_back(std::string(kUnbuffered) + "=1");
  plan_ = std::make_unique<SpawnPlan>(std::move(resolved.command), environ, std::move(*added), app_.spec.cwd,
                                      std::move(*settings));
  command_.clear();
  with_.program.clear();
  return true;
}

const std::vector<std::string>& Spawner::command() {
  if (plan_) return plan_->command();
  if (!command_.empty()) return command_;
  const auto added = added_variables(app_.spec, app_.user);
  auto found = look_up(app_.spec, app_.user, environ, added ? *added : std::vector<std::string>(), nullptr);
  if (auto* resolved = std::get_if<Resolved>(&found)) {
    command_ = std::move(resolved->command);
  } else {
    command_ = {app_.spec.program};
    command_.insert(command_.end(), app_.spec.args.begin(), app_.spec.args.end());
  }
  return command_;
}

/// How a readiness command is run: as the program is, with the variables of its run, but for its output,
/// which nobody reads. After a takeover the variables are those that the files have then.
Commands Spawner::commands() {
  using Variables = Result<std::vector<std::string>>;
  const bool runs = app_.spec.ready.has(ReadyCondition::Kind::cmd);
  Variables added = !runs   ? Variables(std::vector<std::string>())
                    : plan_ ? Variables(plan_->added())
                            : added_variables(app_.spec, app_.user);
  auto start = [this, added](const std::string& command) -> std::optional<StartedCommand> {
    auto settings = make_settings(app_.spec, app_.table.inherit, app_.table.oom_score_adj);
    if (!added || !settings) return std::nullopt;
    SpawnPlan plan({"/bin/sh", "-c", command}, environ, *added, app_.spec.cwd, std::move(*settings));
    auto result = keeper::spawn(plan, {null(), null(), null()});
    auto* spawned = std::get_if<Spawned>(&result);
    if (spawned == nullptr) return std::nullopt;
    return StartedCommand{spawned->pid, std::move(spawned->pidfd)};
  };
  // Strangers that ended at the same time had to wait behind it.
  auto take = [this](int pid, int pidfd) {
    auto exit = collect(pid, pidfd);
    if (exit) asio::post(app_.io, [this] { with_.ends.look(); });
    return exit;
  };
  return {start, take};
}

void Spawner::spawn(RunId id) {
  try {
    try_to_spawn(id);
  } catch (const std::exception& error) {
    for (Part* part : with_.parts)
      part->not_spawned(id);
    events_.tell(event::SpawnFailed{id, false, std::string("prepare a process: ") + error.what()});
  }
}

/// Tells that the run could not be spawned.
void Spawner::fail(RunId id, SpawnError error) {
  error_ = std::move(error);
  for (Part* part : with_.parts)
    part->not_spawned(id);
  events_.tell(event::SpawnFailed{id, error_->permanent, error_->text});
}

void Spawner::try_to_spawn(RunId id) {
  with_.status.forget_usage();
  if ((!plan_ || with_.program.has_changed() || files_.changed()) && !make_plan()) return fail(id, *error_);
  if (auto foreign = with_.record.foreign_pid_file())
    return fail(id, {Stage::pid_file, 0, std::move(*foreign), app_.first_start});
  RunExtras extras;
  for (Part* part : with_.parts)
    if (Done done = part->equip(id, extras); !done)
      return fail(id, {Stage::prepare, done.error().errnum, done.error().text()});
  const bool endless = app_.spec.input == Input::pipe;
  const auto input = endless ? make_endless_input() : Result<Fd>(Fd());
  if (!input) return fail(id, {Stage::input, input.error().errnum, input.error().text()});
  auto result =
      keeper::spawn(*plan_, {endless ? input->get() : null(), app_.output->out(), app_.output->err()},
                    std::move(extras), with_.journal.claim_for(id));
  if (auto* failed = std::get_if<SpawnError>(&result)) {
    plan_.reset();
    return fail(id, std::move(*failed));
  }
  error_.reset();
  auto& spawned = std::get<Spawned>(result);
  try {
    on_spawned(id, spawned);
  } catch (const std::exception&) {
    if (with_.journal.page()) events_.exit_out_of_memory();  // a successor finds the process by its claim
    with_.runs.take(id);
    end_unkept(spawned.pid);
    throw;
  }
}

/// Returns what programs are given to read. If it could not be opened before, that is tried again.
int Spawner::null() {
  if (!null_) null_ = Fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
  return null_.get();
}

void Spawner::on_spawned(RunId id, Spawned& spawned) {
  Run* run = add_run(id, spawned);
  if (run == nullptr) return;
  for (Part* part : with_.parts)
    part->spawned(*run);
  events_.tell(event::SpawnSucceeded{id, spawned.pid});
  with_.readiness.begin(id);
  with_.channels.begin(id);
}

/// Adds the run, and has its end noticed. Returns null if that is impossible: then it was ended again.
Run* Spawner::add_run(RunId id, Spawned& spawned) {
  KeptRun facts{.id = id, .pid = spawned.pid, .start = process_start(spawned.pid).value_or(0)};
  facts.session = spawned.pid;
  facts.keeper = app_.own_pid;
  if (with_.journal.page()) facts.since = with_.journal.page()->inbox().written;
  facts.oom = oom_mark(spawned.pid);
  facts.user = user_to_run_as(app_.spec);
  facts.began = steady_now();
  facts.started_at = wall_now();
  Run run(std::move(facts), app_.io);
  std::error_code error;
  run.pidfd.assign(spawned.pidfd.get(), error);
  if (error) {
    end_unkept(spawned.pid);
    fail(id, {Stage::prepare, error.value(), "watch the new process: " + error.message()});
    return nullptr;
  }
  spawned.pidfd.release();
  Run& added = with_.runs.add(std::move(run));
  with_.ends.watch(added);
  return &added;
}

void Spawner::describe(Status& status) {
  status.command = command();
}

}  // namespace keeper
