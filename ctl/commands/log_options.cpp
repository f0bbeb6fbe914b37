#include "ctl/commands/log_options.hpp"

#include <climits>

#include "protocol/base/clock.hpp"
#include "protocol/base/escape.hpp"
#include "protocol/base/line_expression.hpp"
#include "protocol/base/when.hpp"

namespace keeper {
namespace {

constexpr std::uint64_t kLines = 100;

Error wrong(std::string what) {
  return Error{Reason::usage, "", std::move(what), 0};
}

Result<std::uint64_t> parse_lines(const std::string& text) {
  if (text == "all") return kNoLimit;
  auto number = parse_number(text, 0, LLONG_MAX);
  if (!number) return wrong("-n: '" + text + "' is neither a number of lines nor all");
  return static_cast<std::uint64_t>(*number);
}

Done read_moment(const char* flag, const std::string& text, WallTime now, std::optional<WallTime>& into) {
  if (text.empty()) return {};
  auto moment = parse_moment(text, now);
  if (!moment) return wrong(std::string(flag) + ": " + moment.error().why());
  into = *moment;
  return {};
}

}  // namespace

LogOptions::LogOptions(Arguments& arguments) : arguments_(arguments) {
  arguments.words(targets, "TARGET", 1);
  arguments.text("-n,--lines", lines_, "N",
                 "the last N lines, or all (100; all with --since, --until, --run, --after)");
  arguments.flag("-f,--follow", wish.follow,
                 "go on with what is written from now on, across restarts and rotations");
  arguments.text("--since", since_, "WHEN", "what was written then or later: 10m (ago), 17:24, 2026-11-20");
  arguments.text("--until", until_, "WHEN", "what was written then or before");
  arguments.text("--grep", grep_, "REGEX", "only lines with it: a POSIX extended expression (regex(7))");
  arguments.text("--run", run_, "PID", "what the run with that process id wrote");
  arguments.flag("--out", out_, "only what came from stdout,");
  arguments.flag("--err", err_, "or stderr, where the log tells them apart");
  arguments.flag("--json", json, "a JSON object a line, with the time, where it is known, and a cursor");
  arguments.texts("--after", after_, "CURSOR", "what comes after that line; once for each log");
  arguments.duration("--timeout", timeout, "how long each keeper may take to answer (2s)");
}

std::optional<int> LogOptions::parse() {
  if (auto code = arguments_.parse()) return *code;
  if (Done done = read(); !done) return arguments_.wrong(escaped(done.error().why()));
  return std::nullopt;
}

Done LogOptions::read() {
  bool is_part = !since_.empty() || !until_.empty() || !run_.empty() || !after_.empty();
  auto lines = lines_.empty() ? (is_part ? kNoLimit : kLines) : parse_lines(lines_);
  if (!lines) return lines.error();
  wish.lines = *lines;
  if (!run_.empty()) {
    auto pid = parse_number(run_, 1, INT_MAX);
    if (!pid) return wrong("--run: '" + run_ + "' is no process id, such as 1140");
    run = static_cast<int>(*pid);
  }
  if (!grep_.empty())
    if (Done done = check_line_expression(grep_); !done)
      return wrong("--grep: '" + grep_ + "' " + done.error().why());
  wish.grep = grep_;
  if (out_ != err_) wish.stream = out_ ? "out" : "err";
  if (Done done = read_times(); !done) return done;
  return read_cursors();
}

Done LogOptions::read_times() {
  WallTime now = wall_now();
  if (Done done = read_moment("--since", since_, now, wish.since); !done) return done;
  if (Done done = read_moment("--until", until_, now, wish.until); !done) return done;
  if (wish.until && wish.follow) return wrong("-f goes on and --until ends: only one of them can be had");
  if (wish.since && wish.until && *wish.since > *wish.until)
    return wrong("--since is later than --until: nothing can be between them");
  return {};
}

Done LogOptions::read_cursors() {
  for (const std::string& text : after_) {
    auto cursor = LogCursor::parse(text);
    if (!cursor) return wrong("--after: '" + text + "' " + cursor.error().why());
    wish.after.push_back(*cursor);
  }
  return {};
}

}  // namespace keeper
