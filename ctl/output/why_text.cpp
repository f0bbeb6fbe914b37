#include "ctl/output/why_text.hpp"

#include <algorithm>
#include <cstdio>

#include "ctl/output/human.hpp"
#include "protocol/base/escape.hpp"

namespace keeper {
namespace {

using std::string;

constexpr std::int64_t kNoticed = 10;  ///< ms: what takes less is at once

string number(auto value) {
  return std::to_string(value);
}

/// "api (run 7, pid 1140)".
string subject(const Status& app, std::uint64_t run, const std::optional<int>& pid) {
  return escaped(label(app)) + " (run " + number(run) + (pid ? ", pid " + number(*pid) : "") + ")";
}

string reason_of(const Status& app) {
  return app.reason && !app.reason->empty() ? ": " + escaped(*app.reason) : string();
}

string waiting(const Status& app, WallTime now) {
  string out = escaped(label(app)) + " waits for its next start";
  if (app.next && app.next->at)
    out += " until " + time_text(*app.next->at) + " (" + until_text(*app.next->at, now) + ")";
  return app.spawn_error ? out + ", because it could not be started: " + escaped(*app.spawn_error) : out;
}

string ending(const Status& app, const string& it) {
  string out =
      app.pid ? it + " is being stopped" : it + " has ended, and what it has left behind is being ended";
  return out + (app.wanted == Wanted::up ? "; then it is started again." : ".");
}

string ended(const RunRecord& run) {
  const ExitInfo& exit = *run.exit;
  if (exit.kind == ExitInfo::Kind::code) return "ended with code " + number(exit.value);
  if (exit.kind == ExitInfo::Kind::signal)
    return "was killed by signal " + number(exit.value) + " (" + signal_name(exit.value) +
           (exit.core_dumped ? ", core dumped)" : ")");
  if (run.cause == "reboot") return "was running when the machine went down; how it ended is unknown";
  if (run.cause == "keeper lost") return "was running when its keeper was killed; how it ended is unknown";
  return "ended, how is unknown";
}

string who(const Asker& asker) {
  string ids = asker.uid ? "uid " + number(*asker.uid) : "";
  if (asker.pid) ids += (ids.empty() ? "pid " : ", pid ") + number(*asker.pid);
  if (asker.user.empty()) return ids.empty() ? "somebody" : ids;
  return escaped(asker.user) + (ids.empty() ? "" : " (" + ids + ")");
}

string asked(const Asker& asker) {
  if (asker.by == "stop") return who(asker) + " asked for a stop.";
  if (asker.by == "restart") return who(asker) + " asked for a restart.";
  if (asker.by == "reload") return who(asker) + " asked for a reload.";
  if (asker.by.starts_with("signal ")) return who(asker) + " sent it " + escaped(asker.by.substr(7)) + ".";
  if (asker.by.starts_with("Ctrl-")) return "Somebody pressed " + escaped(asker.by) + ".";
  return "Its keeper got " + escaped(asker.by) + " from " + who(asker) + ".";
}

string why_it_ended(const RunRecord& run) {
  if (run.asked_by) return asked(*run.asked_by);
  if (run.cause == "out of memory") return "The kernel killed it: out of memory.";
  if (run.cause == "ready timeout")
    return "It was ended because it was not ready in time" +
           (run.not_ready ? ": " + escaped(*run.not_ready) : string()) + ".";
  if (run.cause == "scale") return "Its app was to have fewer instances.";
  if (run.cause == "watchdog") return "It was ended because it gave no sign of life in time (watchdog).";
  if (run.cause == "program changed") return "It was ended because its program's file had changed.";
  if (run.cause == "crash" || run.cause == "exit") return "Nobody asked for it.";
  return "Cause: " + escaped(run.cause) + ".";
}

/// That it did not heed its stop signals.
string why_killed(const RunRecord& run) {
  return run.kill_reason ? "Its keeper killed it: " + escaped(*run.kill_reason) + "." : "";
}

string who_was_killed(const RunRecord& run) {
  if (run.killed.empty()) return "";
  return "Its keeper " + escaped(killed_text(run.killed, run.kill_reason.value_or(""))) + ".";
}

/// Of workers under a main process that lived on, or that died of it a little later.
string others_out_of_memory(std::uint64_t kills, const char* when) {
  return "Out of memory: the kernel killed " + number(kills) + (kills == 1 ? " process" : " processes") +
         " of its cgroup " + when + ".";
}

string oom_kills_of(const RunRecord& run) {
  const std::uint64_t itself = run.cause == "out of memory" ? 1 : 0;
  const std::uint64_t kills = run.oom_kills.value_or(0);
  return kills > itself ? others_out_of_memory(kills - itself, itself ? "besides it" : "while it ran") : "";
}

string confirmation(const RunRecord& run) {
  if (!run.confirmed_at) return "It was never confirmed.";
  if (!run.started_at) return "It had been confirmed.";
  return "It had been confirmed " + spoken_duration((*run.confirmed_at - *run.started_at).count()) +
         " after its start.";
}

string in_brackets(const string& reason) {
  return reason.empty() ? "" : " (" + escaped(reason) + ")";
}

/// What was decided; nothing where a stop that was asked for says it all.
string decision(const Status& app, const RunRecord& run, bool newest) {
  if (!run.decision) return newest && has_keeper(app.state) ? "What follows is not decided yet." : "";
  const Decision& d = *run.decision;
  bool followed = !newest || app.run > run.run;
  bool kept = app.state == State::backoff || app.state == State::stopping;
  string again = followed ? "It was started again"
                 : kept   ? "It is to be started again"
                          : "It was to be started again";
  string end = in_brackets(d.reason) + (followed || kept ? "." : ", but its keeper was gone by then.");
  // The next run waits for both: its pause, and the end of what the last one has left behind.
  const std::int64_t clearing = run.clearing_ms.value_or(0);
  const std::int64_t delay = std::max(d.delay_ms.value_or(0), clearing < kNoticed ? 0 : clearing);
  if (d.action == "restart" && delay == 0) return again + " at once" + end;
  if (d.action == "restart" || d.action == "backoff") return again + " after " + spoken_duration(delay) + end;
  if (d.action == "exited") return "It was not started again" + in_brackets(d.reason) + ".";
  if (d.action == "kept") return "It was not kept: " + escaped(d.reason) + ".";
  if (d.action == "fatal") return "It was given up" + in_brackets(d.reason) + ".";
  return run.cause == "stop" ? "" : "It was " + escaped(d.reason) + ".";
}

string usage(const RunRecord& run) {
  if (!run.max_memory_bytes || !run.cpu_ms) return "";
  return "It used up to " + short_memory(*run.max_memory_bytes) + " of memory and " +
         spoken_duration(*run.cpu_ms) + " of processor time.";
}

string lines_of(const OutputLines& output) {
  if (output.text.empty()) return "";
  string out = "  Its last lines:\n";
  for (std::string_view rest = output.text;;) {
    std::size_t end = rest.find('\n');
    out += "  | " + escaped_log_line(rest.substr(0, end)) + "\n";
    if (end == std::string_view::npos) return out;
    rest.remove_prefix(end + 1);
  }
}

void add(string& text, const string& sentence) {
  if (!sentence.empty()) text += "  " + sentence + "\n";
}

}  // namespace

string spoken_duration(std::int64_t milliseconds) {
  long long ms = std::max<std::int64_t>(milliseconds, 0);
  char out[48];
  if (ms < 10)
    std::snprintf(out, sizeof out, "%.3f s", static_cast<double>(ms) / 1000);
  else if (ms < 60'000)
    std::snprintf(out, sizeof out,
                  ms % 1000 == 0 ? "%.0f s"
                  : ms < 100     ? "%.2f s"
                                 : "%.1f s",
                  static_cast<double>(ms) / 1000);
  else if (ms < 3'600'000)
    std::snprintf(out, sizeof out, "%lld m %lld s", ms / 60'000, ms / 1000 % 60);
  else
    std::snprintf(out, sizeof out, "%lld h %lld m", ms / 3'600'000, ms / 60'000 % 60);
  return out;
}

string now_sentence(const Status& app, WallTime now) {
  string name = escaped(label(app)), it = subject(app, app.run, app.pid);
  auto uptime = uptime_of(app, now);
  string since = uptime ? " for " + spoken_duration(*uptime) : "";
  switch (app.state) {
    case State::running: return it + " has been running" + since + ".";
    case State::starting: return it + " has been starting" + since + ", and is not confirmed yet.";
    case State::suspended: return it + " is suspended: a signal has stopped it (SIGSTOP).";
    case State::stopping: return ending(app, it);
    case State::backoff: return waiting(app, now) + ".";
    case State::unreachable: return it + " cannot be asked" + reason_of(app) + ".";
    case State::stopped:
      return name + " is stopped" + (app.stopped_at ? " since " + time_text(*app.stopped_at) : "") + ".";
    case State::exited: return name + " has ended and is not started again" + reason_of(app) + ".";
    case State::fatal: return name + " was given up" + reason_of(app) + ".";
  }
  return name + ".";
}

string run_text(const Status& app, const RunRecord& run, bool newest) {
  string out = subject(app, run.run, run.pid) + " ";
  string at = run.ended_at ? " at " + time_text(*run.ended_at) : "";
  if (!run.exit) {
    out += "could not be started" + at + ": " + escaped(run.error.value_or("unknown")) + ".\n";
    add(out, decision(app, run, newest));
    return out;
  }
  out += ended(run);
  if (run.ended_at) out += " after " + spoken_duration(run.lived_ms);
  out += at + ".\n";
  bool seen = run.ended_at.has_value();  // of one that nobody saw end there is no more to say
  if (seen) add(out, why_it_ended(run) + " " + confirmation(run));
  add(out, oom_kills_of(run));
  if (run.left_behind) add(out, "It " + escaped(*run.left_behind) + ".");
  if (run.clearing_ms)
    add(out, "It took " + spoken_duration(*run.clearing_ms) + " until nothing of it was left.");
  add(out, why_killed(run));
  add(out, who_was_killed(run));
  add(out, decision(app, run, newest && seen));
  add(out, usage(run));
  return out + lines_of(run.output);
}

string why_text(const Status& app, const RunHistory& history, std::size_t most, WallTime now,
                const string& conflict) {
  const auto& runs = history.runs;
  string out = now_sentence(app, now) + "\n";
  if (!conflict.empty()) out += "It cannot have its port: " + escaped(conflict) + ".\n";
  if (history.oom_kills.value_or(0) > 0)
    add(out, others_out_of_memory(*history.oom_kills, "since its start"));
  for (std::size_t i = 0; i < std::min(most, runs.size()); ++i)
    out += "\n" + run_text(app, runs[runs.size() - 1 - i], i == 0);
  if (runs.empty()) out += "No run of it has ended yet.\n";
  return out;
}

}  // namespace keeper
