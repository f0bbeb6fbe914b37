#include "keeper/app/start_report.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>

#include "keeper/app/print_error.hpp"
#include "keeper/core/output_tail.hpp"
#include "protocol/base/escape.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/store/port_holder.hpp"
#include "protocol/store/run_signs.hpp"
#include "protocol/wire/codec.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr std::size_t kShownLines = 10;

volatile std::sig_atomic_t interrupted = 0;

/// Signals are let in while it waits and at no other time, so none is missed (ppoll(2)). False: one came.
bool wait_for_input(int fd) {
  sigset_t none;
  sigemptyset(&none);
  pollfd p{fd, POLLIN, 0};
  return ppoll(&p, 1, nullptr, &none) > 0;
}

/// One whole line of the pipe; nothing at its end, or when Ctrl-C came first.
std::optional<string> read_line(int fd, string& pending) {
  while (interrupted == 0) {
    if (auto end = pending.find('\n'); end != string::npos) {
      string line = pending.substr(0, end);
      pending.erase(0, end + 1);
      return line;
    }
    if (!wait_for_input(fd)) continue;  // Ctrl-C
    char chunk[4096];
    ssize_t got = read(fd, chunk, sizeof chunk);
    if (got == 0 || (got < 0 && errno != EINTR)) break;
    if (got > 0) pending.append(chunk, static_cast<std::size_t>(got));
  }
  return std::nullopt;
}

void show_last_lines(string_view lines) {
  if (lines.empty()) return;
  std::fprintf(stderr, "  its last lines:\n");
  while (!lines.empty()) {
    string_view line = lines.substr(0, lines.find('\n'));
    std::fprintf(stderr, "  | %s\n", escaped_log_line(line).c_str());
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
  }
}

/// The remedy where a keeper was killed: its program may live.
string left_behind(const Started& started) {
  auto home = Home::open(started.home, Home::Create::no);
  if (!home) return "";
  auto record = home->read_status(started.stem);
  if (!record || !still_runs(*record)) return "";
  return "; its program runs on as pid " + std::to_string(*record->pid) + ", 'ctl stop " + started.stem +
         "' ends it, 'ctl start " + started.stem + "' keeps it on";
}

const char* word_of(StartReport::Kind kind) {
  switch (kind) {
    case StartReport::Kind::confirmed: return "running";
    case StartReport::Kind::kept_on: return "kept on";
    default: return "started";
  }
}

/// A log that cannot be written stops nothing, but is not to be found out later.
void tell_log_trouble(const Started& started, const Status& status) {
  for (const LogFile& log : status.logs)
    if (log.trouble)
      std::fprintf(stderr, "keeper: %s: %s; its output is kept meanwhile\n", started.stem.c_str(),
                   escaped(*log.trouble).c_str());
}

int tell_failure(const Started& started, const StartReport& report) {
  const Status& status = report.status;
  complain("cannot start " + started.stem + ": " + failed_start_text(status));
  show_last_lines(last_lines(report.output, kShownLines));
  const auto home = Home::open(started.home, Home::Create::no);
  const auto id = AppId::parse(started.stem);
  if (const string why = home && id ? port_conflict(*home, *id, report.output) : ""; !why.empty())
    complain(started.stem + ": " + why);
  if (has_keeper(status.state))
    std::fprintf(stderr,
                 "keeper: %s is tried again; 'ctl stop %s' ends that, 'ctl logs %s' shows its output\n",
                 started.stem.c_str(), started.stem.c_str(), started.stem.c_str());
  else if (status.reason && status.reason != status.spawn_error)
    std::fprintf(stderr, "keeper: %s is not tried again: %s\n", started.stem.c_str(),
                 escaped(*status.reason).c_str());
  return report.exit_code;
}

}  // namespace

string report_line(const StartReport& report) {
  RunRecord run;
  run.output.text = report.output;
  // JSON has no tab of its own.
  return std::to_string(static_cast<int>(report.kind)) + " " + std::to_string(report.exit_code) + " " +
         write_as(report.status) + "\t" + write_as(run) + "\n";
}

Result<StartReport> read_report(std::string_view line) {
  StartReport out;
  int kind = 0;
  const char* end = line.data() + line.size();
  auto first = std::from_chars(line.data(), end, kind);
  if (first.ec != std::errc() || first.ptr == end || kind < 0 || kind > 4)
    return Error{Reason::invalid, "read what the new keeper says", {}, 0};
  auto second = std::from_chars(first.ptr + 1, end, out.exit_code);
  string_view rest(second.ptr, static_cast<std::size_t>(end - second.ptr));
  string_view first_part = rest.substr(0, rest.find('\t'));
  auto status = read_as<Status>(first_part);
  if (!status) return status.error();
  auto run = read_as<RunRecord>(rest.substr(std::min(first_part.size() + 1, rest.size())));
  if (run) out.output = std::move(run->output.text);
  out.kind = static_cast<StartReport::Kind>(kind);
  out.status = std::move(*status);
  return out;
}

Done await_takeover(Fd pipe) {
  string pending;
  const Error lost{Reason::failed, "", "its keeper ended before it was done", 0};
  const auto line = read_line(pipe.get(), pending);
  if (!line) return interrupted != 0 ? Done() : Done(lost);  // it goes on, whoever waits
  auto report = read_report(*line);
  if (!report) return report.error();
  if (report->kind != StartReport::Kind::failed) return {};
  return Error{Reason::failed, "", failed_start_text(report->status), 0};
}

int await_start(const Started& started, Fd pipe, bool until_confirmed) {
  string pending;
  while (auto line = read_line(pipe.get(), pending)) {
    auto report = read_report(*line);
    if (!report) return complain(report.error());
    if (report->kind == StartReport::Kind::failed) return tell_failure(started, *report);
    if (report->kind == StartReport::Kind::spawned && until_confirmed) continue;
    if (report->kind == StartReport::Kind::waiting) {
      std::printf("%s: waits for its first connection, keeper %d\n", started.stem.c_str(),
                  report->status.keeper_pid.value_or(0));
      return 0;
    }
    tell_log_trouble(started, report->status);
    std::printf("%s: %s, pid %d, keeper %d\n", started.stem.c_str(), word_of(report->kind),
                report->status.pid.value_or(0), report->status.keeper_pid.value_or(0));
    return 0;
  }
  if (interrupted != 0)
    return complain(
        started.stem + " goes on starting in the background; 'ctl stop " + started.stem + "' ends it", 130);
  return complain("cannot start " + started.stem + ": its keeper ended before it was done" +
                  left_behind(started));
}

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  sigset_t blocked;
  sigemptyset(&blocked);
  for (int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP}) {
    sigaction(signal, &action, nullptr);
    sigaddset(&blocked, signal);
  }
  sigprocmask(SIG_BLOCK, &blocked, nullptr);
}

}  // namespace keeper
