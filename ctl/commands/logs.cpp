// ctl logs
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "ctl/cli/context.hpp"
#include "ctl/commands/all.hpp"
#include "ctl/commands/log_options.hpp"
#include "ctl/logs/reading.hpp"
#include "ctl/ops/run_history.hpp"
#include "ctl/output/colour.hpp"
#include "ctl/output/log_lines.hpp"
#include "protocol/base/escape.hpp"

namespace keeper {
namespace {

/// Each of them takes one of the inotify instances that the user has, 128 mostly.
constexpr std::size_t kMostWatched = 8;

/// One app's log that is to be opened.
struct Wanted {
  const Chosen* app = nullptr;
  LogPlace place;
};

/// The source of the lines of a log, as it is shown.
struct Look {
  AppId id;
  std::optional<int> instance;
  std::string prefix;
};

/// Writes all of it; false when nobody reads any more, or it cannot be written.
bool put(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) {
      pollfd out{STDOUT_FILENO, POLLOUT, 0};
      poll(&out, 1, -1);
      continue;
    }
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// Nobody who reads any more is no failure: `ctl logs api | head`.
int after_failed_write() {
  if (errno == EPIPE) return exit_code::done;
  std::perror("ctl: cannot show the log");
  return exit_code::failed;
}

/// Lines are gathered before they are written, so that many short ones do not cost a call each.
class Out {
 public:
  bool add(std::string_view text) {
    text_ += text;
    return text_.size() < kMost || flush();
  }
  bool flush() {
    bool good = put(text_);
    text_.clear();
    return good;
  }

 private:
  static constexpr std::size_t kMost = 32 << 10;
  std::string text_;
};

/// The files of an app that are wanted: of two that are kept apart perhaps only one. Errors: failed (that one
/// is not kept).
Result<std::vector<LogPlace>> chosen_places(const Home& home, const Row& row, const std::string& stream) {
  auto places = log_places_of(home, row);
  if (!places || stream.empty()) return places;
  std::erase_if(*places,
                [&](const LogPlace& place) { return place.stream != stream && place.stream != "all"; });
  if (places->empty()) return not_kept(home, row, stream);
  return places;
}

void fail(Work& work, const Chosen& app, const Error& error) {
  // That one of many keeps no log, or did not have that run, is no failure; that it cannot be read is one.
  const bool not_there = error.errnum == 0 || error.errnum == ENOENT;
  const bool passed_by = not_there && (error.reason == Reason::failed || error.reason == Reason::not_found);
  if (app.is_explicit || !passed_by) work.fail(app.row.id, exit_code::of(error.reason), error.why());
}

std::vector<Wanted> find_logs(Work& work, const LogOptions& options) {
  std::vector<Wanted> out;
  for (const Chosen& app : work.apps) {
    auto places = chosen_places(work.home(), app.row, options.wish.stream);
    if (!places) fail(work, app, places.error());
    if (!places) continue;
    for (LogPlace& place : *places)
      out.push_back({&app, std::move(place)});
  }
  return out;
}

/// A cursor that belongs to no log that is asked for; none if each does.
const LogCursor* stray_cursor(const std::vector<Wanted>& logs, const LogWish& wish) {
  for (const LogCursor& cursor : wish.after) {
    bool found = std::any_of(logs.begin(), logs.end(), [&](const Wanted& log) {
      return log.app->row.id.stem() == cursor.stem && log.place.stream == cursor.stream;
    });
    if (!found) return &cursor;
  }
  return nullptr;
}

LogWish wish_for(const Work& work, const Wanted& log, const LogOptions& options, bool timed) {
  LogWish wish = options.wish;
  wish.timed = timed;
  int pid = options.run.value_or(log.app->earlier_pid);
  if (pid != 0) wish.run = run_with_pid(work.home(), log.app->row, pid);
  return wish;
}

std::vector<LogSource> open_all(Work& work, const LogOptions& options, const std::vector<Wanted>& logs) {
  std::vector<LogSource> out;
  for (const Wanted& log : logs) {
    auto wish = wish_for(work, log, options, options.json || logs.size() > 1);
    wish.watch = out.size() < kMostWatched;
    auto source = LogSource::open(log.app->row.id, log.place, wish);
    if (!source) fail(work, *log.app, source.error());
    if (!source) continue;
    if (!source->note().empty())
      std::fprintf(stderr, "ctl: %s: %s\n", source->id().stem().c_str(), escaped(source->note()).c_str());
    out.push_back(*std::move(source));
    work.done("");
  }
  if (out.empty() && options.run && work.exit_code() == exit_code::done && !logs.empty())
    work.fail("run " + std::to_string(*options.run), exit_code::no_target, "none of these apps had it");
  return out;
}

/// Several apps stand behind their names.
std::vector<Look> looks_of(const Work& work, const std::vector<LogSource>& sources) {
  std::vector<Look> out;
  std::size_t width = 0;
  for (const Chosen& app : work.apps) {
    bool shown =
        std::any_of(sources.begin(), sources.end(), [&](const LogSource& s) { return s.id() == app.row.id; });
    if (!shown) continue;
    out.push_back({app.row.id, app.row.status.instance, ""});
    width = std::max(width, app.row.id.stem().size());
  }
  for (std::size_t n = 0; out.size() > 1 && n < out.size(); ++n) {
    std::string name = out[n].id.stem();
    name += std::string(width - name.size(), ' ') + " | ";
    out[n].prefix = painted(name, colour_of_log(n), colours_on_stdout());
  }
  return out;
}

std::string json_of(const LogSource& source, const LogLine& line, const Look& look) {
  return log_line_json({look.id.name, look.instance, source.stream(), line.time, line.text, !line.ends,
                        !line.begins, source.cursor(line).text()});
}

int show(Work& work, std::vector<LogSource>& sources, const LogOptions& options) {
  const std::vector<Look> looks = looks_of(work, sources);
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  const bool as_bytes = sources.size() == 1 && sources[0].whole() && !options.json && !terminal;
  Out out;
  LogReader reader;
  reader.bytes = put;
  reader.line = [&](const LogSource& source, const LogLine& line) {
    auto look =
        std::find_if(looks.begin(), looks.end(), [&](const Look& one) { return one.id == source.id(); });
    return out.add(options.json ? json_for_stdout(json_of(source, line, *look))
                                : log_line_text(look->prefix, line.text, terminal));
  };
  auto tell_damages = [&] {
    for (LogSource& source : sources)
      for (const std::string& damage : source.take_damages())
        work.fail(source.id(), exit_code::failed, damage);
  };
  reader.turn = [&] {
    bool good = out.flush();
    tell_damages();
    return good;
  };
  reader.failed = [&](const LogSource& source, const Error& error) {
    work.fail(source.id(), exit_code::failed, error.text());
  };
  bool read = as_bytes ? show_bytes(sources[0], reader) : show_lines(sources, reader);
  if (read) read = out.flush();
  tell_damages();
  if (read && options.wish.follow) read = follow_logs(sources, reader, as_bytes);
  return read ? work.exit_code() : after_failed_write();
}

int run(Arguments& arguments) {
  LogOptions options(arguments);
  if (auto code = options.parse()) return *code;
  Work work("show the log of");
  if (auto code = work.find(options.targets, options.timeout.value_or(kAskWait), true)) return *code;
  std::vector<Wanted> logs = find_logs(work, options);
  if (const LogCursor* stray = stray_cursor(logs, options.wish))
    return arguments.wrong("--after: the cursor is of the log '" +
                           escaped(stray->stem + "' (" + stray->stream) +
                           "), which is not among those that are asked for");
  std::vector<LogSource> sources = open_all(work, options, logs);
  if (sources.empty()) return work.exit_code();
  return show(work, sources, options);
}

}  // namespace

Command logs_command() {
  return {
      "logs",
      'L',
      {{"log"}, {"tail"}},
      "TARGET...",
      "Shows what programs wrote, also when they are gone.",
      "Several logs are put in order by time. The process id of a run that has ended means what that run\n"
      "wrote.\n",
      "  ctl logs api                      its last 100 lines\n"
      "  ctl logs -f api web               of both, and what they write from now on\n"
      "  ctl logs -n all api               everything that is still there\n"
      "  ctl logs --since 10m api          of the last ten minutes\n"
      "  ctl logs --since 17:00 --until 17:30 all\n"
      "  ctl logs --grep 'error|warn' api  the last 100 lines with one of these words\n"
      "  ctl logs --run 1140 api           what that run wrote\n"
      "  ctl logs --json api               for programs; with the cursor of a line they go on after it:\n"
      "  ctl logs --json -f --after CURSOR api\n",
      run};
}

}  // namespace keeper
