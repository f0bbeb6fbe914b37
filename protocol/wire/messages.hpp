// Every request and its result, declared once: a method name, a summary, the parameters. The codec, the
// server's dispatch, the client and rpc.discover are made from these declarations. Every parameter is
// optional on the wire.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/wire/fields.hpp"
#include "protocol/wire/history.hpp"
#include "protocol/wire/spec.hpp"
#include "protocol/wire/status.hpp"

namespace keeper {

inline constexpr int kProtocol = 1;

struct Pong {
  std::string name;
  int keeper_pid = 0;
  std::string version;
  int protocol = kProtocol;

  static void fields(auto&& v) {
    v("name", &Pong::name, "the app");
    v("keeper_pid", &Pong::keeper_pid, "who answers");
    v("version", &Pong::version, "of the keeper");
    v("protocol", &Pong::protocol, "of the wire");
  }
};
struct Ping : NoFields {
  static constexpr std::string_view method = "ping";
  static constexpr std::string_view summary = "Is anybody there?";
  using Reply = Pong;
};

struct GetStatus : NoFields {
  static constexpr std::string_view method = "status";
  static constexpr std::string_view summary = "What is true of the app now.";
  using Reply = Status;
};

struct GetSpec : NoFields {
  static constexpr std::string_view method = "spec";
  static constexpr std::string_view summary =
      "What the app is configured with; fields at their default are left out.";
  using Reply = Spec;
};

/// The status when nothing is left of the run; `status.left` are processes that kill_mode process spares.
/// Error `failed`: it cannot be ended, and stays kept.
struct Stop {
  static constexpr std::string_view method = "stop";
  static constexpr std::string_view summary =
      "Ends the program and then its keeper; answers when the whole tree is gone.";
  std::optional<std::uint64_t> run;  ///< only if this is still the current run, else error `changed`
  std::optional<bool> scale{};       ///< other instances stay: a worker of a cluster leaves that first
  std::optional<bool> forget{};      ///< its keeper deletes the app's record and logs afterwards
  std::optional<bool> keep_logs{};   ///< with forget: the record alone
  using Reply = Status;

  static void fields(auto&& v) {
    v("run", &Stop::run, "only if this is still the current run");
    v("scale", &Stop::scale, "others of the app go on: a worker of a cluster leaves that first");
    v("forget", &Stop::forget, "then the keeper deletes the app's record and logs");
    v("keep_logs", &Stop::keep_logs, "with forget: the record alone");
  }
};

/// Replaces the app's configuration if `spec` is given, with the same name and instance.
struct RestartRun {
  static constexpr std::string_view method = "restart";
  static constexpr std::string_view summary =
      "Ends the current run and starts the next; answers at its spawn.";
  std::optional<std::uint64_t> run;
  std::optional<Spec> spec{};
  using Reply = Status;

  static void fields(auto&& v) {
    v("run", &RestartRun::run, "only if this is still the current run");
    v("spec", &RestartRun::spec, "what it is configured with from now on");
  }
};

/// The outcome of a reload. If `failed` has a reason, the app continues as it was, with that `status`.
struct Reloaded {
  Status status;
  std::optional<std::string> failed;
  std::vector<std::string> output;   ///< last lines of the run that failed
  std::vector<std::string> changed;  ///< in the spec, for people (spec_differences)

  static void fields(auto&& v) {
    v("status", &Reloaded::status, "as it is then");
    v("failed", &Reloaded::failed, "why the app goes on as it was; null where the new run has taken over");
    v("output", &Reloaded::output, "last lines of the run that failed");
    v("changed", &Reloaded::changed, "what is another in its spec, for people");
  }
};
struct ReloadRun {
  static constexpr std::string_view method = "reload";
  static constexpr std::string_view summary =
      "Starts a run beside the current one, which ends when the new one works; answers when that is decided. "
      "Where there is none it is started.";
  std::optional<std::uint64_t> run{};        ///< only if this is still the current run
  std::optional<std::uint64_t> canary_ms{};  ///< how long the new one must live after it was ready
  std::optional<Spec> spec{};                ///< as of restart; a failed reload keeps the old one
  using Reply = Reloaded;

  static void fields(auto&& v) {
    v("run", &ReloadRun::run, "only if this is still the current run");
    v("canary_ms", &ReloadRun::canary_ms, "how long the new run has to live on after it was ready");
    v("spec", &ReloadRun::spec, "what it is configured with from now on, if the new run works");
  }
};

struct Signalled {
  int pid = 0;

  static void fields(auto&& v) { v("pid", &Signalled::pid, "the process that got it"); }
};
struct SignalRun {
  static constexpr std::string_view method = "signal";
  static constexpr std::string_view summary = "Sends a signal to the program itself.";
  std::string signal;  ///< "HUP"
  std::optional<std::uint64_t> run;
  using Reply = Signalled;

  static void fields(auto&& v) {
    v("signal", &SignalRun::signal, "TERM, SIGHUP, 10");
    v("run", &SignalRun::run, "only if this is still the current run");
  }
};

struct Scale {
  static constexpr std::string_view method = "scale";
  static constexpr std::string_view summary =
      "Tells how many instances its app has from now on, and records it; starts and ends none.";
  int instances = 0;  ///< from 1 to kMostInstances
  using Reply = Status;

  static void fields(auto&& v) { v("instances", &Scale::instances, "from 1 to 1024"); }
};

/// Any JSON value, as received.
struct JsonText {
  std::string text;
};
struct Sent {
  int pid = 0;

  static void fields(auto&& v) { v("pid", &Sent::pid, "the process that it was sent to"); }
};
struct SendMessage {
  static constexpr std::string_view method = "send";
  static constexpr std::string_view summary =
      "Sends a message to a program that node runs: what its process.on('message') gets.";
  JsonText message;  ///< at most 64 KiB
  std::optional<std::uint64_t> run{};
  using Reply = Sent;

  static void fields(auto&& v) {
    v("message", &SendMessage::message, "any JSON value; at most 64 KiB");
    v("run", &SendMessage::run, "only if this is still the current run");
  }
};

struct SharedSocket {
  bool held = false;             ///< the descriptor comes beside the reply (SCM_RIGHTS)
  std::string data;              ///< JSON: data of the first worker for the others
  std::string path;              ///< of a socket in the file system
  std::uint64_t path_inode = 0;  ///< of that path

  static void fields(auto&& v) {
    v("held", &SharedSocket::held, "whether it has it; then the descriptor comes beside the reply");
    v("data", &SharedSocket::data, "JSON: what the first worker gave along for the others");
    v("path", &SharedSocket::path, "of a socket in the file system");
    v("path_inode", &SharedSocket::path_inode, "of that path");
  }
};
struct ShareSocket {
  static constexpr std::string_view method = "share";
  static constexpr std::string_view summary =
      "A listening socket of a cluster, for another keeper of the same app, on a connection of its own.";
  std::string key;
  using Reply = SharedSocket;

  static void fields(auto&& v) { v("key", &ShareSocket::key, "address:port:addressType:fd:index"); }
};

struct LogLines {
  std::string path;
  std::uint64_t bytes = 0;  ///< current size of the log
  std::vector<std::string>
      lines;               ///< without their newline; bytes that are not UTF-8 are sent as {"base64": "..."}
  bool truncated = false;  ///< there was more than one reply holds
  std::optional<std::uint64_t> stream{};  ///< of the notifications that follow; nothing if none do

  static void fields(auto&& v) {
    v("path", &LogLines::path, "the log file");
    v("bytes", &LogLines::bytes, "its size now");
    v("lines", &LogLines::lines, "texts; {\"base64\": ...} for a line that is not UTF-8");
    v("truncated", &LogLines::truncated, "there was more than fits into one reply");
    v("stream", &LogLines::stream, "what the notifications carry; null where none follow");
  }
};
/// One notification of `logs` with `follow`.
struct NewLines {
  std::uint64_t stream = 0;
  std::vector<std::string> lines;        ///< as in LogLines
  bool partial = false;                  ///< the last one is a piece, and its line continues in the next one
  std::optional<std::uint64_t> dropped;  ///< lines that were skipped for this slow subscriber

  static void fields(auto&& v) {
    v("stream", &NewLines::stream, "of the reply to logs");
    v("lines", &NewLines::lines, "texts; {\"base64\": ...} for a line that is not UTF-8");
    v("partial", &NewLines::partial, "the last one is a piece of a line that goes on");
    v("dropped", &NewLines::dropped, "lines that were not sent: too many were unread");
  }
};
struct GetLogs {
  static constexpr std::string_view method = "logs";
  static constexpr std::string_view summary = "The last lines of the log; at most 192 KiB of them.";
  std::optional<std::uint64_t> lines;  ///< default 100
  std::optional<bool> follow{};        ///< send what is written as NewLines, in notifications `log`
  std::optional<std::string> log{};    ///< "out", "err": if there are two; default the first
  using Reply = LogLines;

  static void fields(auto&& v) {
    v("lines", &GetLogs::lines, "how many at most; 100 if absent");
    v("follow", &GetLogs::follow, "then notifications for what is written from then on");
    v("log", &GetLogs::log, "out or err, where each has a log of its own; the first one if absent");
  }
};

/// The logs after the request.
struct LogsNow {
  std::vector<LogFile> logs;

  static void fields(auto&& v) { v("logs", &LogsNow::logs, "where the output is"); }
};
struct RotateLogs : NoFields {
  static constexpr std::string_view method = "rotate";
  static constexpr std::string_view summary =
      "Begins new log files; the old ones become backups, when their last lines have ended.";
  using Reply = LogsNow;
};
struct ReopenLogs : NoFields {
  static constexpr std::string_view method = "reopen";
  static constexpr std::string_view summary =
      "Opens the logs again by their paths: for who has renamed the files.";
  using Reply = LogsNow;
};
struct FlushLogs : NoFields {
  static constexpr std::string_view method = "flush";
  static constexpr std::string_view summary = "Empties the logs, and removes their backups.";
  using Reply = LogsNow;
};

/// The outcome of an upgrade. The numbers outlive a process, so they must not change.
enum class UpgradeState { under_way = 0, done = 1, failed = 2 };
template <>
inline constexpr std::array<WordOf<UpgradeState>, 3> kWordsOf<UpgradeState>{
    {{UpgradeState::under_way, "under way"}, {UpgradeState::done, "done"}, {UpgradeState::failed, "failed"}}};

/// The program file that a keeper runs.
struct KeeperProgram {
  std::string program;  ///< path; with " (deleted)" if another file is there by now
  std::string version;
  std::optional<std::string> failed;  ///< why the last file that was to replace it is not used
  std::optional<std::string> id;      ///< of the upgrade in the request
  std::optional<UpgradeState> state;  ///< of that one; nothing: unknown
  std::optional<int> keeper_pid;      ///< the keeper that resulted

  static void fields(auto&& v) {
    v("program", &KeeperProgram::program, "path of the program file");
    v("version", &KeeperProgram::version, "of it");
    v("failed", &KeeperProgram::failed, "why the last one that was to take its place did not");
    v("id", &KeeperProgram::id, "of the upgrade that was asked about");
    v("state", &KeeperProgram::state, "of that one: under way, done, failed; null if it is not known");
    v("keeper_pid", &KeeperProgram::keeper_pid, "the keeper that came of it");
  }
};
struct Upgrade {
  static constexpr std::string_view method = "upgrade";
  static constexpr std::string_view summary =
      "Goes on as another program file, with the same program and the same sockets; the connection ends. "
      "Without one: says which it runs, and how the last upgrade went.";
  std::optional<std::string> program;  ///< absolute path of a keeper
  std::optional<std::string> id;       ///< the caller's name for this upgrade, which is done once
  using Reply = KeeperProgram;

  static void fields(auto&& v) {
    v("program", &Upgrade::program, "absolute path of a keeper");
    v("id", &Upgrade::id, "the caller's name for this upgrade, at most 64 bytes");
  }
};

struct GetWhy {
  static constexpr std::string_view method = "why";
  static constexpr std::string_view summary =
      "The last 32 runs that have ended, newest last: how, who asked for it, their last lines.";
  std::optional<std::uint64_t> lines;  ///< of output for each run, at most; 20 if absent
  using Reply = RunHistory;

  static void fields(auto&& v) {
    v("lines", &GetWhy::lines, "of output for each run, at most; 20 if absent");
  }
};

/// An AppEvent follows in a notification `event` for each event, until the connection is closed.
struct Subscribed {
  std::uint64_t stream = 0;

  static void fields(auto&& v) { v("stream", &Subscribed::stream, "what the notifications carry"); }
};
struct WatchEvents : NoFields {
  static constexpr std::string_view method = "events";
  static constexpr std::string_view summary =
      "What happens from now on, as notifications; the first one says what is true now.";
  using Reply = Subscribed;
};

/// An OpenRPC document (spec.open-rpc.org), as JSON text.
struct OpenRpc {
  std::string document;
};
struct Discover : NoFields {
  static constexpr std::string_view method = "rpc.discover";
  static constexpr std::string_view summary = "This list of methods, as an OpenRPC document.";
  using Reply = OpenRpc;
};

using AnyRequest = std::variant<Ping, GetStatus, GetSpec, Stop, RestartRun, ReloadRun, Scale, SignalRun,
                                SendMessage, ShareSocket, GetLogs, RotateLogs, ReopenLogs, FlushLogs, Upgrade,
                                GetWhy, WatchEvents, Discover>;

}  // namespace keeper
