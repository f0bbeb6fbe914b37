// The composition: the one place that sees the core and the edges.
//
// An edge reports a fact through a callback; the fact becomes an event; the machine answers with actions,
// which are performed in order; then what changed is recorded and announced, and one timer is set to
// machine.deadline(). What performing brings about (a spawn has succeeded) is queued as the next event, so
// nothing recurses. One thread.
#pragma once
#include <array>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>

#include "keeper/app/app_output.hpp"
#include "keeper/app/kept_state.hpp"
#include "keeper/app/lifecycle_log.hpp"
#include "keeper/app/record_writer.hpp"
#include "keeper/app/run_readiness.hpp"
#include "keeper/app/terminal.hpp"
#include "keeper/app/waiters.hpp"
#include "keeper/child/process.hpp"
#include "keeper/child/tree.hpp"
#include "keeper/control/ask_socket.hpp"
#include "keeper/control/log_feeds.hpp"
#include "keeper/control/server.hpp"
#include "keeper/control/streams.hpp"
#include "keeper/core/machine.hpp"
#include "keeper/core/recorder.hpp"
#include "keeper/listen/connection_watch.hpp"
#include "keeper/listen/listeners.hpp"
#include "keeper/node/channel.hpp"
#include "keeper/node/cluster.hpp"
#include "keeper/node/sibling_query.hpp"
#include "keeper/ready/notify_socket.hpp"
#include "keeper/survive/guard_link.hpp"
#include "keeper/survive/role.hpp"
#include "keeper/watch/file_watch.hpp"
#include "keeper/watch/oom.hpp"
#include "keeper/watch/removal_watch.hpp"
#include "keeper/watch/sampler.hpp"
#include "keeper/watch/signals.hpp"

namespace keeper {

/// What the record of an app says of its earlier keepers.
struct Earlier {
  std::vector<RunRecord> runs;
  RunId last_run = 0;
  std::vector<std::string> losses;  ///< of output that its last keeper could not even say in the log
};
/// `adopted`: its program lives on, and is kept on.
Earlier read_earlier(const Home& home, const std::string& stem, bool adopted);

/// Which file something is.
struct FileId {
  std::uint64_t device = 0, inode = 0;
  bool operator==(const FileId&) const = default;
};

inline constexpr int kOutOfMemory =
    71;  ///< the exit code (EX_OSERR) of a keeper that another one is to follow

class Keeper : public Service, private StatusSource {
 public:
  /// `table` names the descriptors it was born with. Errors: no spec, nothing to capture output with.
  static Result<std::unique_ptr<Keeper>> make(RoleTable table);
  /// Until the app is stopped, exited or fatal; the exit code of the process.
  int run();

  void handle(const Ping&, const Caller&, Answer) override;
  void handle(const GetStatus&, const Caller&, Answer) override;
  void handle(const GetSpec&, const Caller&, Answer) override;
  void handle(const Stop&, const Caller&, Answer) override;
  void handle(const RestartRun&, const Caller&, Answer) override;
  void handle(const ReloadRun&, const Caller&, Answer) override;
  void handle(const Scale&, const Caller&, Answer) override;
  void handle(const SignalRun&, const Caller&, Answer) override;
  void handle(const SendMessage&, const Caller&, Answer) override;
  void handle(const ShareSocket&, const Caller&, Answer) override;
  void handle(const GetLogs&, const Caller&, Answer) override;
  void handle(const RotateLogs&, const Caller&, Answer) override;
  void handle(const ReopenLogs&, const Caller&, Answer) override;
  void handle(const FlushLogs&, const Caller&, Answer) override;
  void handle(const Upgrade&, const Caller&, Answer) override;
  void handle(const GetWhy&, const Caller&, Answer) override;
  void handle(const WatchEvents&, const Caller&, Answer) override;
  void handle(const Discover&, const Caller&, Answer) override;
  void refused(const Caller&) override;

 private:
  struct Said {
    std::string status;  ///< STATUS=
    std::string doing;   ///< reloading, stopping, or nothing
  };
  /// One run as the system knows it: from its spawn until nothing of it is left.
  struct Run {
    RunId id;
    int pid;      ///< of its main process
    int session;  ///< its session and process group: the pid that was spawned
    asio::posix::stream_descriptor pidfd;
    bool main_ended = false;
    bool kill_all = false;    ///< what turns up of its tree later is killed too
    bool sent_kill = false;   ///< KILL came from here
    std::uint64_t start = 0;  ///< of its main process (/proc/PID/stat)
    int keeper = 0;  ///< of the keeper that started it, where that was another: it is no child of this one
    std::optional<unsigned> user{};       ///< that it runs as, where that is not this process's user
    std::uint32_t since = 0;              ///< of the inbox, when it was spawned
    std::optional<ExitInfo> exit{};       ///< known, and not told to the machine yet
    std::optional<Millis> seen_to_end{};  ///< since then it has ended, and its parent has not reaped it
    std::unique_ptr<asio::steady_timer> look_again{};  ///< at that; null: not just now
    std::optional<OomMark> oom{};
    std::unique_ptr<RunReadiness> ready{};           ///< null where nothing has to be shown
    std::unique_ptr<Channel> channel{};              ///< null: node does not run it, or it has closed it
    bool skips = false;                              ///< its channel throws a message away just now
    bool half_sent = false;                          ///< a message to it was sent in part
    int twin = -1;                                   ///< its number for our end of the channel
    bool asked_to_leave = false;                     ///< its cluster
    bool leaves = false;                             ///< its cluster, of its own accord
    std::unique_ptr<asio::steady_timer> has_left{};  ///< since it has closed its channel then
    // what a status says of it, once it is the current one
    std::optional<WallTime> started_at{};
    std::optional<WallTime> confirmed_at{};
    Time began{0};
    Said said{};
    std::string why_killed{};   ///< of KILL; empty while none was needed
    std::vector<int> killed{};  ///< processes that are known to have been sent it
    std::string killed_text{};  ///< what was said of them last
  };

  Keeper(const RoleTable& table, Home home, Spec spec, Earlier earlier, Snapshot machine);

  // facts in (keeper.cpp)
  void tell(Event event);
  void begin_afresh();
  bool was_relieved(RunId id) const;
  void send_held_back();
  void on_exit(RunId id);
  void end_main(Run& run, const ExitInfo& exit, const std::optional<Used>& used);
  void on_signal(const SignalFact& fact);
  void on_child_signal();
  void on_interrupt(const SignalFact& fact);
  void on_output(std::string_view bytes, LogStream from);
  Done open_log(OutputMemory memory);
  /// Somebody waits until the logs are empty.
  struct Flush {
    Answer answer;
    std::size_t log = 0;  ///< the next one
    Done failed{};        ///< the first error
  };
  void flush_part();
  void answer_logs(const std::string& doing, Done (AppOutput::*doing_it)(), const Answer& answer);
  bool somebody_watches() const;

  // actions out (keeper.cpp)
  void step(const Event& event);
  void perform(const action::Spawn& spawn);
  void perform(const action::Signal& signal);
  void perform(const action::Announce& announce);
  void perform(const action::Leave& leave);
  bool never_ran(State leaves_as) const;
  void leave_when_written(State as, Time until);
  void forget();
  void leave(State as);
  void send_signal(Run& run, int signal, Scope scope);
  RunIds ids_of(const Run& run) const;
  std::vector<int> other_mains(const Run* but) const;
  void leave_alone(const Run& run);
  void look_for_rest(Run& run);
  void send_to(Run& run, int signal, const std::vector<int>& pids);
  void note_killed(Run& run, std::vector<KilledProcess> fresh);
  static bool may_signal_main(Run& run);
  void refused(const Run& run, const std::vector<int>& pids);
  std::string stuck_text() const override;
  void look_for_stop(Run& run);
  Run* find(RunId id);
  void forget(RunId id);
  void follow_current();
  void arm();
  void arm_anyhow();
  std::string unshown(const Run& run) const;
  void note_unshown();

  // starts, and what a program says of itself (runs.cpp)
  Result<std::vector<std::string>> added_variables(const Spec& spec, const ActingUser& user,
                                                   FilesRead* read = nullptr) const;
  Result<bool> look_up_user();
  Done check_start(const Spec& spec, const char* const* inherited) const;
  bool make_plan();
  const std::vector<std::string>& command();
  void make_room_for_output();
  void watch_program(const std::string& path);
  Commands commands();
  Result<std::unique_ptr<RunReadiness>> readiness_of(RunId id, Fd known = {});
  std::string stranger_behind(RunId id, int socket);
  static std::string held_name(RunId id);
  static constexpr const char* kHeldChannel = "node.";
  static std::string held_channel(RunId id);
  /// The memory of log number `log`'s OverflowBuffer.
  static std::string held_kept_output(std::size_t log);
  void drop_held(Run& run);
  void try_to_spawn(RunId id);
  int null();
  void began(RunId id, Spawned& spawned, std::unique_ptr<RunReadiness> ready,
             std::unique_ptr<Channel> channel);
  static void end_unkept(int pid);
  bool watch(RunId id, Spawned& spawned);
  void await_end(Run& run);
  void move_main(Run& run, int pid);
  Done listen_to_program(const std::string& name, Fd known);
  bool has_one_of(const Run& run, const std::vector<int>& pids) const;
  Run* run_of(const Sender& sender);
  void on_notification(Notification n);
  static void note_said(Said& said, const NotifyMessage& m);
  void show(RunId id, ReadyCondition::Kind kind);

  // what is said over the channel of a node program (channels.cpp)
  void give_channel(RunId id, Channel& channel, RunExtras& extras);
  void give_worker_script(RunExtras& extras) const;
  Result<std::unique_ptr<Channel>> make_channel(RunId id);
  void take_up_channel(Run& run, const KeptRun& kept);
  ChannelHooks channel_hooks(RunId id);
  Told on_line(RunId id, std::string_view line);
  void on_channel_closed(RunId id);
  void tell_of_message(RunId id, const char* event, std::string text);
  void send_word(Run& run, int word);
  void send_first_signal(Run& run);
  void end_who_has_left(Run& run);

  // workers of a cluster, and what they listen at (workers.cpp)
  struct ServedSocket {
    KeptSocket kept;
    Fd fd;
  };
  struct Obtained {
    int error = 0;       ///< errno: it cannot be had
    bool again = false;  ///< it is not known yet
  };
  bool clustered() const;
  static std::string held_socket(int number);
  Told on_worker(RunId id, std::string_view line);
  Told answer_query(Run& run, const WorkerMessage& query);
  Told refuse_query(Run& run, const WorkerMessage& query, int error);
  bool is_cut_off(const KeptSocket& one) const;
  std::vector<std::string> cut_off() const;
  void close_socket(const Run& run, const std::string& key);
  ServedSocket* find_socket(const std::string& key);
  Obtained obtain(const WorkerMessage& query);
  Fd take_turn() const;
  /// While the siblings are asked for a socket: it is this keeper's turn to look for one.
  struct SiblingSearch {
    std::string key;
    Fd turn;
    std::vector<std::unique_ptr<SiblingQuery>> asked{};
    int open = 0;  ///< so many have not answered
    bool all_answered = true;
    bool no_room = false;  ///< a sibling has given the socket, and the state page has no room for it
    bool over = false;
  };
  /// A socket that was closed, whose file goes if no sibling has it.
  struct Parting {
    KeptSocket kept;
    std::vector<std::unique_ptr<SiblingQuery>> asked{};
    int open = 0;  ///< so many have not answered
    bool shared = false;
  };
  /// The guard may hold its socket for a moment yet.
  struct ClosedPort {
    BoundPort bound;
    Millis at;
  };
  void note_closed(int fd);
  bool closed_just_now(const SocketWish& wish) const;
  bool ask_siblings(const std::string& key, std::vector<std::unique_ptr<SiblingQuery>>& asked,
                    const SiblingQuery::OnDone& told);
  bool begin_search(const std::string& key);
  void sibling_answered(std::optional<SharedSocket> shared, Fd socket);
  void end_search();
  void ask_channels();
  ServerSocket passed_socket(const SocketWish& wish) const;
  Obtained open_socket(const WorkerMessage& query, const SocketWish& wish);
  bool keep_socket(KeptSocket kept, Fd fd);
  void take_up_sockets(const std::vector<KeptSocket>& all);
  void drop_unused_sockets();
  void take_sockets_from(RunId failed);
  void drop_sockets(const std::function<bool(const KeptSocket&)>& unwanted);
  void part_with(const KeptSocket& kept);
  void end_parting(const Parting& parting);
  void unlink_sockets();
  void ask_again();

  // the sockets that it listens at for its program (listening.cpp)
  Done open_listeners(const std::optional<LeftBehind>& left, std::vector<HeldFd>& held);
  std::vector<KeptListener> kept_listeners() const;
  void hand_up_listeners();
  void watch_listeners();
  void mend_listeners();
  Done give_listeners(RunExtras& extras);
  void await_connection();
  std::string listening_at() const;

  // a new run beside the old one, and a changed spec (reload.cpp)
  bool is_reloaded(const ReloadRun& request) const;
  bool is_reloading(const ReloadRun& request) const;
  Done take_spec(const std::optional<Spec>& wanted, bool take_back);
  Done may_end(const Spec& spec, const char* const* inherited) const;
  void keep_spec();
  void put_back_spec();
  void drop_old_listeners();
  void apply_spec(Spec spec);
  Done record_instances();
  void note_spec();
  void record_user();
  void use_spec_file(Fd file);
  void take_environment(std::vector<std::string> variables);
  Spec whole_spec() const;
  void note_user();

  // what outlives this process (takeover.cpp)
  void use_page(Result<StatePage> page);
  bool persist();
  Done write_state();
  std::string at_risk() const;
  void note_page(const Done& done);
  void not_held(const std::string& name, const std::string& why);
  void on_answer(const std::string& name, GuardWord::Kept kept);
  void tell_of_risk();
  KeptState kept_state() const;
  SpawnClaim claim_for(RunId id);
  OutputMemory output_memory(const std::optional<LeftBehind>& left, RoleTable& table);
  void take_over(const LeftBehind& left);
  void remember_end(const KeptState& state);
  void adopt(const KeptRun& kept, const Life* life);
  void adopt_claimed(const LeftBehind& left);
  void drop_unused_pipes();
  void go_on();
  void begin_lazily();
  void use_start_report(int pipe);
  void go_on_with(const LeftBehind& left);
  void watch_adopted_rest();
  void look_for_adopted_rest();
  void tell_of_recovery(int pid);

  // when its files are gone (heal.cpp)
  void watch_files(Fd known = {});
  void watch_socket();
  void file_changed(int watch);
  void be_asked();
  void heal_after(Millis pause);
  void heal();
  void heal_what_is_gone();
  bool find_home();
  void name_home();
  void go_along_with_home();
  Done make_home_again();
  Done write_spec_again();
  void renew_page();
  void make_page_anew();
  void take_page(StatePage page);

  // with its guard (guarded.cpp)
  std::vector<HeldFd> held_descriptors() const;
  Done hand_up();
  void hold_again();
  void hand_up(const std::string& name, int fd);
  void read_inbox();
  std::optional<ExitInfo> status_in_inbox(int pid, std::uint32_t since);
  std::optional<ExitInfo> status_of(Run& run, std::optional<Used>* used);
  void look_again(Run& run);
  void on_guard_lost();
  void on_silent_guard();
  bool is_to_follow() const;
  void become_guard();
  void give_way();
  void say_up();
  void guard_follows();
  bool tell_upgrade(KeeperProgram& now) const;
  std::string why_failed() const;
  void take_up_upgrades(const std::vector<KeptUpgrade>& known);
  bool said_by_both(const SignalFact& fact);

  // what is remembered, and told to subscribers (flight.cpp)
  /// Tells the machine what somebody asked for.
  void tell_for(Asker asker, Event event);
  static Asker asker_of(std::string by, const Caller& caller);
  static Asker asker_of(const SignalFact& fact);
  bool note_exit(const Run& run, const ExitInfo& exit, const std::optional<Used>& used,
                 const std::vector<int>& rest);
  AppEvent event_now(std::string event);
  void tell_subscribers(const action::Announce& a);
  void publish(const action::Announce& a);
  void take_leave();

  // what is told to people (report.cpp)
  Status status() override;
  Status status_with_usage();
  void on_log_trouble(const std::string& what, std::uint64_t dropped);
  std::optional<SpawnError> foreign_pid_file() const;
  int exit_code(State left_as) const;
  std::string log_path() const;
  std::string error_log_path() const;

  RoleTable table_;
  const int own_pid_ = getpid();  ///< a status has it, and a call costs more than all the rest of it
  Home home_;
  Spec spec_;
  ActingUser user_;  ///< whose rights count where the program, or its user, chose a path or a port
  Fd lock_;
  Fd null_;
  asio::io_context io_{ASIO_CONCURRENCY_HINT_UNSAFE};  // one thread: nothing is to be locked
  Machine machine_;
  std::vector<std::string> command_;  ///< where there is no plan yet
  std::unique_ptr<SpawnPlan> plan_;
  std::optional<SpawnError> plan_error_;
  FilesRead plan_files_;    ///< what it was made of
  std::string local_user_;  ///< Spec::user, where that stood in the files of this system at the last plan
  bool replan_ = false;     ///< the program is another one now
  bool by_node_ = false;    ///< of the plan: its runs have a channel
  std::vector<std::string> words_for_node_;  ///< of the plan: what node is given before the program
  int twin_ = -1;                            ///< Run::twin of the run that is spawned last
  std::unique_ptr<FileWatch> program_watch_;
  bool program_not_watched_ = false;
  std::unique_ptr<NotifySocket> notify_;  ///< before the runs: they name it
  std::vector<std::string> missed_;       ///< conditions that a run did not show in time
  std::string missed_text_;
  std::unique_ptr<Listeners> listeners_;               ///< null: none
  std::unique_ptr<ConnectionWatch> connection_watch_;  ///< null: nobody is waited for
  int stranger_ = 0;                                   ///< took the last connection of a probe; 0: nobody
  Said said_;                                          ///< by the current run
  RunId shown_ = 0;                                    ///< the run that this and the times below are of

  std::list<Run> runs_;
  std::vector<KeptProcess> left_alone_;  ///< by kill_mode process: of no run any more
  std::deque<Event> events_;
  bool stepping_ = false;
  std::optional<State> leaving_as_;
  bool first_record_ = true;  ///< nothing was spawned yet
  std::vector<int> survivors_;

  asio::steady_timer deadline_{io_};
  std::optional<Time> armed_;
  asio::steady_timer leaving_{io_};

  std::optional<WallTime> confirmed_at_;  ///< the run that began at started_at_
  std::optional<WallTime> started_at_;
  std::optional<WallTime> stopped_at_;    ///< end of the last run, while there is no other
  std::optional<WallTime> last_exit_at_;  ///< end of the last run, for good
  Millis started_{0};                     ///< by the monotonic clock
  std::optional<std::uint64_t> pid_start_;
  std::string boot_id_;

  std::optional<StatePage> page_;                ///< nothing: it cannot be opened
  bool page_has_name_ = true;                    ///< false: its file was removed, and could not be made again
  std::string page_trouble_;                     ///< why the page does not have what it should; empty: it has
  std::map<std::string, std::string> not_held_;  ///< by the guard: names of descriptors, and why not
  std::string no_guard_;                         ///< why it has none, though it should; empty: it has
  std::string risk_said_;                        ///< at_risk() as it was told
  asio::steady_timer protect_again_{io_};        ///< runs only while there is a risk
  std::vector<HeldFd> ready_pipes_;    ///< of runs that an earlier keeper began, until they are taken up
  std::optional<LeftBehind> left_;     ///< by the keeper that had this program before, until it is taken up
  std::vector<RunId> lost_;            ///< runs that ended while nobody kept them
  std::vector<KeptSignal> unsent_;     ///< what the machine asks for just now
  std::vector<KeptSignal> held_back_;  ///< for runs that another one has relieved, until all else is done
  asio::steady_timer adopted_rest_{io_};
  std::vector<ServedSocket> sockets_;  ///< of its cluster
  asio::steady_timer ask_again_{io_};
  std::optional<Millis> asked_since_;      ///< a socket that is not obtained yet
  std::unique_ptr<SiblingSearch> search_;  ///< null: none
  std::list<Parting> partings_;
  std::vector<ClosedPort> closed_;  ///< sockets of its cluster, the latest ones

  std::unique_ptr<RemovalWatch> watch_;  ///< null: there is no inotify instance for it
  int socket_watch_ = RemovalWatch::kNone;
  std::vector<int> listener_watches_;
  std::optional<FileId> socket_file_;  ///< of its own socket
  asio::steady_timer heal_{io_};
  Millis heal_pause_{0};
  std::string heal_said_;
  bool nameless_ = false;  ///< another keeper has its name, its lock and its files

  std::unique_ptr<GuardLink> guard_;  ///< null: it has none
  std::uint32_t inbox_ = 0;           ///< the last entry that was acted on
  bool gives_way_ = false;            ///< to a keeper of another program file
  std::vector<KeptUpgrade> upgrades_;
  Fd guard_before_;  ///< program file of the guard, which is to follow an upgrade; none: it has followed
  asio::steady_timer guard_again_{io_};
  struct Heard {
    int number = 0;
    int pid = 0;
    bool passed_on = false;
    Millis at{-10'000};
  } heard_;  ///< the last signal, and from whom

  std::unique_ptr<AppOutput> output_;
  Sampler sampler_;
  std::unique_ptr<Signals> signals_;
  Recorder recorder_;
  LifecycleLog lifecycle_log_{machine_, recorder_, survivors_};
  Terminal terminal_{table_.stem, machine_, survivors_};
  Waiters waiters_{table_.stem, *this, machine_, recorder_, survivors_};
  RecordWriter record_writer_{
      io_,
      {home_, table_.stem, nameless_, spec_, user_, machine_, recorder_, *this, lifecycle_log_, terminal_}};
  const std::array<Part*, 4> parts_{&lifecycle_log_, &terminal_, &record_writer_, &waiters_};
  Streams streams_;
  LogFeeds log_feeds_{io_};
  std::unique_ptr<Server> server_;
  std::unique_ptr<AskSocket> asked_;       ///< null: it cannot be had, and who asks connects
  std::vector<action::Announce> to_tell_;  ///< who waits hears of it when it is recorded
  int signal_error_ = 0;                   ///< errno of the last signal to a main process
  std::deque<Flush> flushes_;              ///< under way, one after the other
  Forget forget_ = Forget::nothing;
  Fd spec_file_;                              ///< of the spec that is used
  std::optional<std::int64_t> spec_written_;  ///< when it was written
  std::vector<std::string> variables_;        ///< environ, where it is not the one that it was started with
  std::vector<char*> environ_;
};

}  // namespace keeper
