// How a keeper starts its runs, and watches what they are and what they need.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <csignal>

#include "keeper/app/keeper.hpp"
#include "keeper/child/account.hpp"
#include "keeper/child/env_file.hpp"
#include "keeper/child/pidfd.hpp"
#include "protocol/home/clock.hpp"
#include "protocol/home/file_place.hpp"
#include "protocol/home/inotify_use.hpp"
#include "protocol/home/sockets.hpp"
#include "protocol/wire/living.hpp"

namespace keeper {
namespace {

/// Set to anything but an empty text, python writes at once (python(1)).
constexpr const char* kUnbuffered = "PYTHONUNBUFFERED";

/// What the programs that speak sd_notify(3) are told, as "K=V".
std::vector<std::string> notify_environment(const NotifySocket* socket, const Spec& spec) {
  std::vector<std::string> out;
  if (socket != nullptr) out.push_back("NOTIFY_SOCKET=" + socket->environment());
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

}  // namespace

/// What a run is spawned with that is no program: its variables. `read`: null, or every file is added that
/// they come from.
Result<std::vector<std::string>> Keeper::added_variables(const Spec& spec, const ActingUser& user,
                                                         FilesRead* read) const {
  std::vector<std::string> from_file = notify_environment(notify_.get(), spec);
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
Result<bool> Keeper::look_up_user() {
  if (spec_.run_as.empty()) return false;
  for (const char* file : {"/etc/passwd", "/etc/group"})
    plan_files_.add(file);
  const auto account = find_local_account(spec_.user);
  if (!account && local_user_ == spec_.user) return gone(spec_.user);
  if (!account) return false;
  local_user_ = spec_.user;
  std::string now = account_text(*account);
  if (now == spec_.run_as) return false;
  spec_.run_as = std::move(now);
  note_user();
  return true;
}

/// Node writes at once while the pipe has room, and forgets what had none when it ends by process.exit().
void Keeper::make_room_for_output() {
  constexpr int most = 1 << 20;  // without privileges (pipe(7))
  for (int pipe : {output_->out(), output_->err()})
    fcntl(pipe, F_SETPIPE_SZ, most);
}

/// Whether a run could be started with that spec, in that environment, as far as this is known before there
/// is a process. What passes is no error.
Done Keeper::check_start(const Spec& spec, const char* const* inherited) const {
  if (!spec.run_as.empty() && spec.user == local_user_ && !find_local_account(spec.user))
    return gone(spec.user);
  const ActingUser user = home_.acting_user(spec);
  const auto added = added_variables(spec, user);
  if (!added) return added.error();
  if (auto settings = make_settings(spec, table_.inherit, table_.oom_score_adj); !settings)
    return settings.error();
  const auto found = look_up(spec, user, inherited, *added, nullptr);
  if (const auto* no = std::get_if<CannotRun>(&found); no != nullptr && !no->passes) return no->error;
  return check_directory(spec.cwd, user);
}

/// The plan is made anew after a spawn that failed, and when something that it was made of has changed: files
/// of variables, the program, what runs it, PATH, the user.
bool Keeper::make_plan() {
  plan_.reset();
  plan_files_.clear();
  auto fail = [this](const Error& error) {
    plan_error_ = SpawnError{Stage::prepare, error.errnum, error.text(),
                             error.reason == Reason::not_found || error.reason == Reason::refused};
    return false;
  };
  auto other_user = look_up_user();
  if (!other_user) return fail(other_user.error());
  if (*other_user) record_user();
  auto added = added_variables(spec_, user_, &plan_files_);
  if (!added) return fail(added.error());
  auto settings = make_settings(spec_, table_.inherit, table_.oom_score_adj);
  if (!settings) return fail(settings.error());
  // This process was given the environment that the child is to inherit: it need not be held a second time.
  auto found = look_up(spec_, user_, environ, *added, &plan_files_);
  if (auto* no = std::get_if<CannotRun>(&found)) {
    plan_error_ =
        SpawnError{Stage::exec, no->exit_code == 127 ? ENOENT : EACCES, no->error.text(), !no->passes};
    return false;
  }
  Resolved& resolved = std::get<Resolved>(found);
  if (spec_.restart_on_change) watch_program(resolved.program);
  words_for_node_ = std::move(resolved.interpreter_words);
  by_node_ = spec_.ipc && resolved.by == RunBy::node;
  if (resolved.by == RunBy::node) make_room_for_output();
  const bool buffers = resolved.by == RunBy::python && spec_.unbuffered;
  if (buffers && !is_set(merge_environment(environ, *added).data(), kUnbuffered))
    added->push_back(std::string(kUnbuffered) + "=1");
  plan_ = std::make_unique<SpawnPlan>(std::move(resolved.command), environ, std::move(*added), spec_.cwd,
                                      std::move(*settings));
  command_.clear();
  replan_ = false;
  return true;
}

/// What is executed. After a takeover there is no plan before the next run: as it would be found now.
const std::vector<std::string>& Keeper::command() {
  if (plan_) return plan_->command();
  if (!command_.empty()) return command_;
  const auto added = added_variables(spec_, user_);
  auto found = look_up(spec_, user_, environ, added ? *added : std::vector<std::string>(), nullptr);
  if (auto* resolved = std::get_if<Resolved>(&found)) {
    command_ = std::move(resolved->command);
  } else {
    command_ = {spec_.program};
    command_.insert(command_.end(), spec_.args.begin(), spec_.args.end());
  }
  return command_;
}

/// From the first plan on. Without it the program is kept all the same.
void Keeper::watch_program(const std::string& path) {
  if (program_not_watched_ || (program_watch_ && program_watch_->path() == path)) return;
  const auto by = may_take_instance(home_) ? FileWatch::By::events : FileWatch::By::looks;
  auto changed = [this] {
    replan_ = true;
    asio::post(io_, [this] {  // what follows may end this watch
      if (!leaving_as_) tell(event::ProgramChanged{});
    });
  };
  auto made = FileWatch::make(io_, path, by, std::move(changed), &user_);
  if (made) {
    program_watch_ = std::move(*made);
    return;
  }
  program_not_watched_ = true;
  lifecycle_log_.add("restart_on_change is off: " + made.error().text());
  terminal_.notice("restart_on_change is off: " + made.error().text());
}

/// How a readiness command is run: as the program is, with the variables of its run, but for its output,
/// which nobody reads. After a takeover the variables are those that the files have then.
Commands Keeper::commands() {
  using Variables = Result<std::vector<std::string>>;
  const bool runs = spec_.ready.has(ReadyCondition::Kind::cmd);
  Variables added = !runs   ? Variables(std::vector<std::string>())
                    : plan_ ? Variables(plan_->added())
                            : added_variables(spec_, user_);
  auto start = [this, added](const std::string& command) -> std::optional<StartedCommand> {
    auto settings = make_settings(spec_, table_.inherit, table_.oom_score_adj);
    if (!added || !settings) return std::nullopt;
    SpawnPlan plan({"/bin/sh", "-c", command}, environ, *added, spec_.cwd, std::move(*settings));
    auto result = spawn(plan, {null(), null(), null()});
    auto* spawned = std::get_if<Spawned>(&result);
    if (spawned == nullptr) return std::nullopt;
    return StartedCommand{spawned->pid, std::move(spawned->pidfd)};
  };
  // Strangers that ended at the same time had to wait behind it.
  auto take = [this](int pid, int pidfd) {
    auto exit = collect(pid, pidfd);
    if (exit) asio::post(io_, [this] { on_child_signal(); });
    return exit;
  };
  return {start, take};
}

/// Null where the run shows nothing itself. Errors: no descriptors.
Result<std::unique_ptr<RunReadiness>> Keeper::readiness_of(RunId id, Fd known) {
  if (spec_.ready.events().empty()) return std::unique_ptr<RunReadiness>();
  const Probing with{commands(), spec_.ready_timeout,
                     [this, id](int socket) { return stranger_behind(id, socket); }};
  return RunReadiness::make(
      io_, spec_.ready, with,
      [this, id](int condition) {
        tell(event::Ready{id, condition});
      },
      std::move(known));
}

/// Who takes a connection, where that is neither the run nor this keeper for it: "pid 812 (nginx)". Empty,
/// too, where nobody can say: no socket of this host listens there, or a process of the run may not be looked
/// into.
std::string Keeper::stranger_behind(RunId id, int socket) {
  const Run* run = find(id);
  const std::vector<ListeningSocket> listening = listening_behind(socket);
  if (run == nullptr || listening.empty() || has_socket_of(own_pid_, listening).value_or(true)) return {};
  bool all_seen = true;
  for (const int pid : tree_of(ids_of(*run))) {
    const auto has = has_socket_of(pid, listening);
    if (has.value_or(false)) return {};
    all_seen = all_seen && has;
  }
  if (stranger_ == 0 || !has_socket_of(stranger_, listening).value_or(false))
    stranger_ = process_that_has(listening);
  if (stranger_ != 0) return process_text(stranger_);
  return all_seen ? "a process of user " + std::to_string(listening.front().user) : "";
}

/// By which the guard holds what its program says that it is ready with.
std::string Keeper::held_name(RunId id) {
  return "ready." + std::to_string(id);
}

std::string Keeper::held_channel(RunId id) {
  return kHeldChannel + std::to_string(id);
}

/// What the guard holds for a run that is over.
void Keeper::drop_held(Run& run) {
  if (run.channel) run.channel->end();
  if (!guard_) return;
  if (run.ready && run.ready->descriptor_held() >= 0) guard_->drop(held_name(run.id));
  if (run.channel) guard_->drop(held_channel(run.id));
}

/// The machine has to hear how it went, whatever went wrong.
void Keeper::perform(const action::Spawn& wanted) {
  try {
    try_to_spawn(wanted.run);
  } catch (const std::exception& error) {
    tell(event::SpawnFailed{wanted.run, false, std::string("prepare a process: ") + error.what()});
  }
}

void Keeper::try_to_spawn(RunId id) {
  sampler_ = Sampler();  // of the run before; where descriptors are few this one needs them
  auto fail = [&](const SpawnError& error) { tell(event::SpawnFailed{id, error.permanent, error.text}); };
  if ((!plan_ || replan_ || plan_files_.changed()) && !make_plan()) return fail(*plan_error_);
  if (auto foreign = foreign_pid_file()) {
    plan_error_ = std::move(foreign);
    return fail(*plan_error_);
  }
  auto ready = readiness_of(id);
  if (!ready) return fail({Stage::prepare, ready.error().errnum, ready.error().text()});
  auto channel = make_channel(id);
  if (!channel) return fail({Stage::prepare, channel.error().errnum, channel.error().text()});
  RunExtras extras;
  if (*ready && (*ready)->descriptor() >= 0)
    extras.fds.push_back({(*ready)->descriptor(), (*ready)->number()});
  if (Done done = give_listeners(extras); !done)
    return fail({Stage::prepare, done.error().errnum, done.error().text()});
  if (*channel) give_channel(id, **channel, extras);
  if (*ready && (*ready)->descriptor_held() >= 0) hand_up(held_name(id), (*ready)->descriptor_held());
  const bool endless = spec_.input == Input::pipe;
  const auto input = endless ? make_endless_input() : Result<Fd>(Fd());
  if (!input) return fail({Stage::input, input.error().errnum, input.error().text()});
  auto result = spawn(*plan_, {endless ? input->get() : null(), output_->out(), output_->err()},
                      std::move(extras), claim_for(id));
  if (auto* failed = std::get_if<SpawnError>(&result)) {
    plan_error_ = *failed;
    plan_.reset();
    if (guard_ && *channel) guard_->drop(held_channel(id));
    return fail(*failed);
  }
  plan_error_.reset();
  auto& spawned = std::get<Spawned>(result);
  try {
    began(id, spawned, std::move(*ready), std::move(*channel));
  } catch (const std::exception&) {
    if (page_) begin_afresh();  // the next keeper finds it by its claim
    forget(id);
    end_unkept(spawned.pid);
    throw;
  }
}

/// What programs are given to read. Where it could not be opened before it is now, perhaps.
int Keeper::null() {
  if (!null_) null_ = Fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
  return null_.get();
}

/// Ends a process that cannot be watched: no keeper would keep it. It is reaped as a stranger is.
void Keeper::end_unkept(int pid) {
  kill(-pid, SIGKILL);
}

void Keeper::began(RunId id, Spawned& spawned, std::unique_ptr<RunReadiness> ready,
                   std::unique_ptr<Channel> channel) {
  if (!watch(id, spawned)) return;
  Run& begun = runs_.back();
  begun.ready = std::move(ready);
  begun.channel = std::move(channel);
  if (begun.channel) begun.twin = twin_;
  begun.began = steady_now();
  begun.started_at = wall_now();
  follow_current();
  tell(event::SpawnSucceeded{id, spawned.pid});
  if (Run* run = find(id); run != nullptr && run->ready) run->ready->begin();
  if (Run* run = find(id); run != nullptr && run->channel) run->channel->begin();
}

/// From now on its end is noticed. False: that cannot be had, and it was ended again.
bool Keeper::watch(RunId id, Spawned& spawned) {
  asio::posix::stream_descriptor pidfd(io_);
  std::error_code error;
  pidfd.assign(spawned.pidfd.get(), error);
  if (error) {
    end_unkept(spawned.pid);
    tell(event::SpawnFailed{id, false, "watch the new process: " + error.message()});
    return false;
  }
  spawned.pidfd.release();
  runs_.push_back({id, spawned.pid, spawned.pid, std::move(pidfd)});
  runs_.back().start = process_start(spawned.pid).value_or(0);
  if (page_) runs_.back().since = page_->inbox().written;
  runs_.back().oom = oom_mark(spawned.pid);
  runs_.back().user = user_to_run_as(spec_);
  await_end(runs_.back());
  return true;
}

void Keeper::await_end(Run& run) {
  run.pidfd.async_wait(asio::posix::descriptor_base::wait_read, [this, id = run.id](std::error_code error) {
    if (cancelled(error)) return;
    on_exit(id);
    Run* still = error ? find(id) : nullptr;
    if (still != nullptr && !still->main_ended) await_end(*still);
  });
}

/// Another process is its main one (sd_notify(3), MAINPID): from now on that one's end is the run's.
void Keeper::move_main(Run& run, int pid) {
  if (pid == run.pid) return;
  Fd pidfd(pidfd_open(pid, 0));
  if (!pidfd) return;
  asio::posix::stream_descriptor waiting(io_);
  std::error_code error;
  waiting.assign(pidfd.get(), error);
  if (error) return;
  pidfd.release();
  run.pid = pid;
  run.start = process_start(pid).value_or(0);
  run.pidfd = std::move(waiting);  // closes the old one, whose waiting ends with an error
  await_end(run);
  tell(event::MainMoved{run.id, pid});
}

// --- what a program says of itself

/// Whether one of these is of the run's tree. A process whose parent ends moves in the tree, and a look at it
/// takes a while: who is not there is looked for again.
bool Keeper::has_one_of(const Run& run, const std::vector<int>& pids) const {
  for (int look = 0; look < 2; ++look) {
    std::vector<int> tree = tree_of(ids_of(run));
    if (std::find_first_of(tree.begin(), tree.end(), pids.begin(), pids.end()) != tree.end()) return true;
  }
  return false;
}

/// The run that a sender belongs to; nothing for one that is none of its processes, or gone without a trace.
Keeper::Run* Keeper::run_of(const Sender& sender) {
  if (sender.pid <= 0) return nullptr;
  // systemd-notify speaks for its parent, which is this process once its own has ended; nobody but root can.
  if (sender.pid == own_pid_ || (guard_ && sender.pid == guard_->pid()))
    return runs_.empty() ? nullptr : &runs_.back();
  std::vector<int> line = sender.parents;
  line.insert(line.begin(), sender.pid);
  for (Run& run : runs_) {
    bool descends = std::find(line.begin(), line.end(), run.pid) != line.end();
    // Of its own accord the number stays its while its leader, the main process, is there.
    bool same_session = !sender.gone && run.pid == run.session && sender.session == run.session;
    if (descends || same_session || (!sender.gone && has_one_of(run, line))) return &run;
  }
  return nullptr;
}

void Keeper::on_notification(Notification n) {
  Run* run = run_of(n.sender);
  if (run == nullptr) return;
  RunId id = run->id;
  const NotifyMessage& m = n.message;
  bool ours = m.main_pid && (*m.main_pid == n.sender.pid || has_one_of(*run, {*m.main_pid}));
  if (ours) move_main(*run, *m.main_pid);
  if (m.watchdog) tell(event::Watchdog{id, *m.watchdog});
  if (m.extend) tell(event::Extend{id, *m.extend});
  if (Run* now = find(id)) note_said(now->said, m);
  if (id == shown_) note_said(said_, m);
  if (m.ready) show(id, ReadyCondition::Kind::notify);
  if (m.alive) tell(event::Alive{id});
  if (m.stopping) tell(event::EndsItself{id});
  if (m.hangs) tell(event::Hangs{id});
  // The sender waits until all this is recorded: its descriptor is closed after this.
  if (m.barrier && !leaving_as_) record_writer_.write();
}

void Keeper::note_said(Said& said, const NotifyMessage& m) {
  if (m.status) said.status = *m.status;
  if (m.reloading) said.doing = "reloading";
  if (m.ready) said.doing.clear();
  if (m.stopping) said.doing = "stopping";
}

void Keeper::show(RunId id, ReadyCondition::Kind kind) {
  const auto& events = spec_.ready.events();
  for (std::size_t i = 0; i < events.size(); ++i)
    if (events[i].kind == kind) tell(event::Ready{id, static_cast<int>(i)});
}

}  // namespace keeper
