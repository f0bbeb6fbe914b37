// The declared fields of every wire struct: name, member, and a line of description. Only for files that make
// JSON.
#pragma once
#include "protocol/wire/codec.hpp"

namespace keeper {

/// Fields<T>::each(v) calls v("name", &T::member, "what it is") for every field, in the order of the
/// documents.
template <class T>
struct Fields;

template <class T>
concept HasFields = requires {
  Fields<T>::each([](auto&&...) {});
};

template <>
struct Fields<Next> {
  static void each(auto&& v) {
    v("action", &Next::action, "what will be done");
    v("at", &Next::at, "when");
  }
};
template <>
struct Fields<LogFile> {
  static void each(auto&& v) {
    v("stream", &LogFile::stream, "all, out or err");
    v("path", &LogFile::path, "absolute path");
    v("bytes", &LogFile::bytes, "size now");
    v("trouble", &LogFile::trouble, "why it cannot be written or rotated just now");
    v("dropped", &LogFile::dropped, "bytes that there was no room for");
    v("waiting", &LogFile::waiting, "bytes in memory that it could not take so far");
  }
};
template <>
struct Fields<SyslogState> {
  static void each(auto&& v) {
    v("target", &SyslogState::target, "local, or udp:HOST:PORT");
    v("dropped", &SyslogState::dropped, "messages that could not be sent");
    v("trouble", &SyslogState::trouble, "why it cannot be sent just now");
  }
};
template <>
struct Fields<Status> {
  static void each(auto&& v) {
    v("name", &Status::name, "the app; never carries the instance");
    v("instance", &Status::instance, "null while there is only one, else 0, 1, ...");
    v("state", &Status::state,
      "starting, running, backoff, stopping, suspended, stopped, exited, fatal, unreachable");
    v("ready", &Status::ready, "the run has confirmed that it works");
    v("wanted", &Status::wanted, "up or down");
    v("pid", &Status::pid, "the program's process, null when there is none");
    v("keeper_pid", &Status::keeper_pid, "the keeper's process");
    v("guard_pid", &Status::guard_pid, "the guard's process, null without one");
    v("run", &Status::run, "id of the current or last run");
    v("command", &Status::command, "what is executed");
    v("cwd", &Status::cwd, "directory it runs in");
    v("user", &Status::user, "user it runs as");
    v("started_at", &Status::started_at, "start of the current or last run");
    v("confirmed_at", &Status::confirmed_at, "when that run was known to work; null if it is not");
    v("stopped_at", &Status::stopped_at, "end of the last run, null while one lives");
    v("uptime_ms", &Status::uptime_ms, "how long the current run has lived");
    v("restarts", &Status::restarts, "starts after the first one that nobody asked for");
    v("last_exit", &Status::last_exit, "how the last run ended");
    v("next", &Status::next, "what happens by itself, and when");
    v("spawn_error", &Status::spawn_error, "why the last start failed before the program ran");
    v("status_text", &Status::status_text, "what the program says of itself (sd_notify)");
    v("doing", &Status::doing, "reloading or stopping, as the program says (sd_notify)");
    v("waiting_for", &Status::waiting_for,
      "conditions of readiness not shown yet, or missed by the last run");
    v("not_ready", &Status::not_ready, "the same in words, with the last answers");
    v("reason", &Status::reason, "why it is fatal, exited or unreachable, or why its run cannot be ended");
    v("survivors", &Status::survivors, "processes of a run that could not be ended");
    v("left", &Status::left, "processes that ended runs left running (kill_mode process)");
    v("at_risk", &Status::at_risk,
      "why a killed keeper would not be followed just now, and what to do about it; null: it would");
    v("cut_off", &Status::cut_off, "paths that it listens at, whose file is gone or another's");
    v("logs", &Status::logs, "where its output is");
    v("syslog", &Status::syslog, "where its lines are sent too; null: nowhere");
    v("memory_bytes", &Status::memory_bytes, "resident memory of its processes");
    v("cpu_percent", &Status::cpu_percent, "of one core, since the last question");
    v("version", &Status::version, "of the keeper");
    v("protocol", &Status::protocol, "of the wire");
    v("boot_id", &Status::boot_id, "the kernel's boot that this was true under");
    v("pid_start", &Status::pid_start, "start time of pid, in clock ticks since boot");
  }
};
template <>
struct Fields<Pong> {
  static void each(auto&& v) {
    v("name", &Pong::name, "the app");
    v("keeper_pid", &Pong::keeper_pid, "who answers");
    v("version", &Pong::version, "of the keeper");
    v("protocol", &Pong::protocol, "of the wire");
  }
};
template <>
struct Fields<Signalled> {
  static void each(auto&& v) { v("pid", &Signalled::pid, "the process that got it"); }
};
template <>
struct Fields<Sent> {
  static void each(auto&& v) { v("pid", &Sent::pid, "the process that it was sent to"); }
};
template <>
struct Fields<LogLines> {
  static void each(auto&& v) {
    v("path", &LogLines::path, "the log file");
    v("bytes", &LogLines::bytes, "its size now");
    v("lines", &LogLines::lines, "texts; {\"base64\": ...} for a line that is not UTF-8");
    v("truncated", &LogLines::truncated, "there was more than fits into one reply");
    v("stream", &LogLines::stream, "what the notifications carry; null where none follow");
  }
};
template <>
struct Fields<NewLines> {
  static void each(auto&& v) {
    v("stream", &NewLines::stream, "of the reply to logs");
    v("lines", &NewLines::lines, "texts; {\"base64\": ...} for a line that is not UTF-8");
    v("partial", &NewLines::partial, "the last one is a piece of a line that goes on");
    v("dropped", &NewLines::dropped, "lines that were not sent: too many were unread");
  }
};
template <>
struct Fields<KilledProcess> {
  static void each(auto&& v) {
    v("pid", &KilledProcess::pid, "the process");
    v("command", &KilledProcess::command, "what it was executed as");
    v("reason", &KilledProcess::reason, "which stop signals it did not heed, and for how long");
  }
};
template <>
struct Fields<Asker> {
  static void each(auto&& v) {
    v("by", &Asker::by, "stop, restart or reload on the wire; Ctrl-C, SIGTERM to the keeper");
    v("pid", &Asker::pid, "the process that asked");
    v("uid", &Asker::uid, "its user");
    v("user", &Asker::user, "the user's name; empty where it is not known");
  }
};
template <>
struct Fields<Decision> {
  static void each(auto&& v) {
    v("action", &Decision::action, "restart, backoff, exited, fatal, stopped");
    v("delay_ms", &Decision::delay_ms, "until the next start");
    v("reason", &Decision::reason, "why");
  }
};
template <>
struct Fields<RunRecord> {
  static void each(auto&& v) {
    v("run", &RunRecord::run, "its number");
    v("pid", &RunRecord::pid, "its process; null where it could not be spawned");
    v("started_at", &RunRecord::started_at, "its start");
    v("confirmed_at", &RunRecord::confirmed_at, "since when it was known to work; null: never");
    v("ended_at", &RunRecord::ended_at, "its end");
    v("exit", &RunRecord::exit, "code or signal; null where it could not be spawned");
    v("cause", &RunRecord::cause, "why it ended");
    v("asked_by", &RunRecord::asked_by, "who asked for its end; null: nobody");
    v("lived_ms", &RunRecord::lived_ms, "how long it lived");
    v("max_memory_bytes", &RunRecord::max_memory_bytes, "the largest resident size of one of its processes");
    v("cpu_ms", &RunRecord::cpu_ms, "processor time");
    v("not_ready", &RunRecord::not_ready,
      "what it had not shown in time; null where that is not why it ended");
    v("kill_reason", &RunRecord::kill_reason, "why its keeper sent the KILL that ended it; null: it did not");
    v("killed", &RunRecord::killed, "its processes that were sent KILL, because they had not ended in time");
    v("left_behind", &RunRecord::left_behind,
      "what lived on when its main process had ended by itself; null: nothing");
    v("oom_kills", &RunRecord::oom_kills,
      "how many processes of its cgroup the kernel killed for want of memory while it ran; null: none");
    v("clearing_ms", &RunRecord::clearing_ms,
      "how long it took until nothing of it was left; null: nothing was");
    v("error", &RunRecord::error, "why it could not be spawned");
    v("decision", &RunRecord::decision, "what was decided then; null while that is open");
    v("output", &RunRecord::output, "its last lines; {\"base64\": ...} for a line that is not UTF-8");
  }
};
template <>
struct Fields<RunHistory> {
  static void each(auto&& v) {
    v("runs", &RunHistory::runs, "newest last");
    v("oom_kills", &RunHistory::oom_kills, "of the current run: as in one that has ended");
  }
};
template <>
struct Fields<Subscribed> {
  static void each(auto&& v) { v("stream", &Subscribed::stream, "what the notifications carry"); }
};
template <>
struct Fields<AppEvent> {
  static void each(auto&& v) {
    v("stream", &AppEvent::stream, "of the reply to events");
    v("event", &AppEvent::event, "what has happened");
    v("at", &AppEvent::at, "when");
    v("name", &AppEvent::name, "the app");
    v("instance", &AppEvent::instance, "null while there is only one");
    v("state", &AppEvent::state, "what it is now");
    v("ready", &AppEvent::ready, "the current run has confirmed that it works");
    v("run", &AppEvent::run, "the run that this is about");
    v("pid", &AppEvent::pid, "its process");
    v("exit", &AppEvent::exit, "code or signal, of exited");
    v("cause", &AppEvent::cause, "why it ended, of exited and stopping");
    v("until", &AppEvent::until, "the next start, of backoff");
    v("text", &AppEvent::text, "what went wrong, or who asked");
    v("dropped", &AppEvent::dropped, "events that were not sent: too many were unread");
    v("status", &AppEvent::status, "all of it, of now and left");
  }
};
template <>
struct Fields<Port> {
  static void each(auto&& v) {
    v("pid", &Port::pid, "the process that has it open");
    v("protocol", &Port::protocol, "tcp, tcp6, udp, udp6, unix");
    v("state", &Port::state, "listening, connected, closing, open");
    v("local", &Port::local, "its address, or path");
    v("remote", &Port::remote, "the peer's address");
  }
};
template <>
struct Fields<PortList> {
  static void each(auto&& v) { v("ports", &PortList::ports, "listening ones first"); }
};
template <>
struct Fields<Finding> {
  static void each(auto&& v) {
    v("severity", &Finding::severity, "error, warning or note");
    v("app", &Finding::app, "the app; null where it is about the home or the system");
    v("what", &Finding::what, "what is wrong");
    v("remedy", &Finding::remedy, "what to do, or what was done");
    v("fixed", &Finding::fixed, "it was mended");
  }
};
template <>
struct Fields<KeeperProgram> {
  static void each(auto&& v) {
    v("program", &KeeperProgram::program, "path of the program file");
    v("version", &KeeperProgram::version, "of it");
    v("failed", &KeeperProgram::failed, "why the last one that was to take its place did not");
    v("id", &KeeperProgram::id, "of the upgrade that was asked about");
    v("state", &KeeperProgram::state, "of that one: under way, done, failed; null if it is not known");
    v("keeper_pid", &KeeperProgram::keeper_pid, "the keeper that came of it");
  }
};
template <>
struct Fields<Upgrade> {
  static void each(auto&& v) {
    v("program", &Upgrade::program, "absolute path of a keeper");
    v("id", &Upgrade::id, "the caller's name for this upgrade, at most 64 bytes");
  }
};
template <>
struct Fields<GetWhy> {
  static void each(auto&& v) { v("lines", &GetWhy::lines, "of output for each run, at most; 20 if absent"); }
};
template <>
struct Fields<WatchEvents> {
  static void each(auto&&) {}
};
template <>
struct Fields<Ping> {
  static void each(auto&&) {}
};
template <>
struct Fields<GetStatus> {
  static void each(auto&&) {}
};
template <>
struct Fields<GetSpec> {
  static void each(auto&&) {}
};
template <>
struct Fields<RotateLogs> {
  static void each(auto&&) {}
};
template <>
struct Fields<ReopenLogs> {
  static void each(auto&&) {}
};
template <>
struct Fields<FlushLogs> {
  static void each(auto&&) {}
};
template <>
struct Fields<LogsNow> {
  static void each(auto&& v) { v("logs", &LogsNow::logs, "where the output is"); }
};
template <>
struct Fields<Discover> {
  static void each(auto&&) {}
};
template <>
struct Fields<Stop> {
  static void each(auto&& v) {
    v("run", &Stop::run, "only if this is still the current run");
    v("scale", &Stop::scale, "others of the app go on: a worker of a cluster leaves that first");
    v("forget", &Stop::forget, "then the keeper deletes the app's record and logs");
    v("keep_logs", &Stop::keep_logs, "with forget: the record alone");
  }
};
template <>
struct Fields<RestartRun> {
  static void each(auto&& v) {
    v("run", &RestartRun::run, "only if this is still the current run");
    v("spec", &RestartRun::spec, "what it is configured with from now on");
  }
};
template <>
struct Fields<ReloadRun> {
  static void each(auto&& v) {
    v("run", &ReloadRun::run, "only if this is still the current run");
    v("canary_ms", &ReloadRun::canary_ms, "how long the new run has to live on after it was ready");
    v("spec", &ReloadRun::spec, "what it is configured with from now on, if the new run works");
  }
};
template <>
struct Fields<Reloaded> {
  static void each(auto&& v) {
    v("status", &Reloaded::status, "as it is then");
    v("failed", &Reloaded::failed, "why the app goes on as it was; null where the new run has taken over");
    v("output", &Reloaded::output, "last lines of the run that failed");
    v("changed", &Reloaded::changed, "what is another in its spec, for people");
  }
};
template <>
struct Fields<Scale> {
  static void each(auto&& v) { v("instances", &Scale::instances, "from 1 to 1024"); }
};
template <>
struct Fields<SignalRun> {
  static void each(auto&& v) {
    v("signal", &SignalRun::signal, "TERM, SIGHUP, 10");
    v("run", &SignalRun::run, "only if this is still the current run");
  }
};
template <>
struct Fields<SharedSocket> {
  static void each(auto&& v) {
    v("held", &SharedSocket::held, "whether it has it; then the descriptor comes beside the reply");
    v("data", &SharedSocket::data, "JSON: what the first worker gave along for the others");
    v("path", &SharedSocket::path, "of a socket in the file system");
    v("path_inode", &SharedSocket::path_inode, "of that path");
  }
};
template <>
struct Fields<ShareSocket> {
  static void each(auto&& v) { v("key", &ShareSocket::key, "address:port:addressType:fd:index"); }
};
template <>
struct Fields<SendMessage> {
  static void each(auto&& v) {
    v("message", &SendMessage::message, "any JSON value; at most 64 KiB");
    v("run", &SendMessage::run, "only if this is still the current run");
  }
};
template <>
struct Fields<GetLogs> {
  static void each(auto&& v) {
    v("lines", &GetLogs::lines, "how many at most; 100 if absent");
    v("follow", &GetLogs::follow, "then notifications for what is written from then on");
    v("log", &GetLogs::log, "out or err, where each has a log of its own; the first one if absent");
  }
};

}  // namespace keeper
