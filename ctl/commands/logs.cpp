// ctl logs
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>

#include "ctl/commands/all.hpp"
#include "ctl/commands/arguments.hpp"
#include "ctl/commands/work.hpp"
#include "ctl/fleet/log_place.hpp"
#include "ctl/output/colour.hpp"
#include "ctl/output/log_lines.hpp"
#include "protocol/home/log_files.hpp"
#include "protocol/home/log_follower.hpp"

namespace keeper {
namespace {

constexpr std::size_t kPiece = 64 * 1024;
constexpr int kLookAgain = 250;  // ms, where the system has no inotify instance left

/// One app's log under way to stdout.
struct Source {
  AppId id;
  LogFollower follower;
  std::optional<LogLineWriter> lines;  ///< none: the bytes as they are
  std::uint64_t most;                  ///< bytes that were there at the start
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

struct Wish {
  std::uint64_t lines = 100;
  bool follow = false;
};

Result<std::uint64_t> parse_lines(const std::string& text) {
  if (text == "all") return std::uint64_t{LLONG_MAX};
  auto number = parse_number(text, 0, LLONG_MAX);
  if (!number) return Error{Reason::usage, "", "-n: '" + text + "' is neither a number of lines nor all", 0};
  return static_cast<std::uint64_t>(*number);
}

Result<Source> open_source(const Home& home, const Row& row, const Wish& wish) {
  auto path = log_path_of(home, row);
  if (!path) return path.error();
  auto follower = LogFollower::open(*path, wish.lines);
  if (!follower) return follower.error();
  return Source{row.id, std::move(*follower), std::nullopt, size_of_log(*path)};
}

/// Several logs stand behind their names; a single one is shown as it is, but on a terminal, which would obey
/// it.
void dress(std::vector<Source>& sources) {
  bool terminal = isatty(STDOUT_FILENO) != 0, coloured = colours_on_stdout();
  std::size_t width = 0, n = 0;
  for (const Source& s : sources)
    width = std::max(width, s.id.stem().size());
  for (Source& s : sources) {
    std::string prefix;
    if (sources.size() > 1) {
      std::string name = s.id.stem() + std::string(width - s.id.stem().size(), ' ') + " | ";
      prefix = painted(name, colour_of_log(n++), coloured);
    }
    if (terminal || !prefix.empty()) s.lines.emplace(prefix, terminal);
  }
}

bool show(Source& source, const std::string& piece) {
  return source.lines ? put(source.lines->add(piece)) : put(piece);
}

/// What is there, and no more: a program that writes faster than we read would never come to an end.
int show_once(Source& source, Work& work) {
  std::uint64_t shown = 0;
  while (shown < source.most) {
    auto piece = source.follower.read(kPiece);
    if (!piece) {
      work.fail(source.id, exit_code::failed, piece.error().text());
      break;
    }
    if (piece->empty()) break;
    shown += piece->size();
    if (!show(source, *piece)) return after_failed_write();
  }
  if (source.lines && !put(source.lines->finish())) return after_failed_write();
  return exit_code::done;
}

/// Waits until one of them may have more; false when nobody reads stdout any more.
bool wait_for_more(std::vector<Source>& sources) {
  std::vector<pollfd> polls = {{STDOUT_FILENO, 0, 0}};
  int wait = -1;
  for (const Source& s : sources) {
    polls.push_back({s.follower.wait_fd(), POLLIN, 0});
    if (s.follower.wait_fd() < 0) wait = kLookAgain;
  }
  poll(polls.data(), polls.size(), wait);
  for (std::size_t i = 0; i < sources.size(); ++i)
    if ((polls[i + 1].revents & POLLIN) != 0) sources[i].follower.drain_events();
  return (polls[0].revents & POLLERR) == 0;
}

/// Ends when nobody reads, when it cannot go on, or by a signal.
int follow(std::vector<Source>& sources, Work& work) {
  do {
    bool more = true;
    while (more) {
      more = false;
      // One piece of each in turn: a log that floods does not hold the others back.
      for (Source& source : sources) {
        auto piece = source.follower.read(kPiece);
        if (!piece) {
          work.fail(source.id, exit_code::failed, piece.error().text());
          return work.exit_code();
        }
        if (!piece->empty() && !show(source, *piece)) return after_failed_write();
        more = more || !piece->empty();
      }
    }
  } while (wait_for_more(sources));
  return work.exit_code();
}

std::vector<Source> open_all(Work& work, const Wish& wish) {
  std::vector<Source> out;
  for (const Chosen& app : work.apps) {
    auto source = open_source(work.home(), app.row, wish);
    if (source) {
      out.push_back(std::move(*source));
      work.done("");
    } else if (app.is_explicit || source.error().reason != Reason::failed) {
      work.fail(app.row.id, exit_code::failed, source.error().why());
    }
  }
  dress(out);
  return out;
}

int run(Arguments& arguments) {
  std::vector<std::string> targets;
  std::string lines = "100";
  std::optional<Millis> timeout;
  Wish wish;
  arguments.words(targets, "TARGET", 1);
  arguments.text("-n,--lines", lines, "N", "the last N lines (100), or all");
  arguments.flag("-f,--follow", wish.follow,
                 "go on with what is written from now on, across restarts and rotations");
  arguments.duration("--timeout", timeout, "how long each keeper may take to answer (2s)");
  if (auto code = arguments.parse()) return *code;
  auto count = parse_lines(lines);
  if (!count) return arguments.wrong(count.error().why());
  wish.lines = *count;

  Work work("show the log of");
  if (auto code = work.find(targets, timeout.value_or(kAskWait), true)) return *code;
  std::vector<Source> sources = open_all(work, wish);
  if (sources.empty()) return work.exit_code();
  if (wish.follow) return follow(sources, work);
  for (Source& source : sources)
    if (int code = show_once(source, work); code != exit_code::done) return code;
  return work.exit_code();
}

}  // namespace

Command logs_command() {
  return {"logs",
          'L',
          {{"log"}, {"tail"}},
          "TARGET...",
          "Shows what programs wrote, also when they are gone.",
          "",
          "  ctl logs api            its last 100 lines\n"
          "  ctl logs -f api web     of both, and what they write from now on\n"
          "  ctl logs -n all api     everything that is still there\n",
          run};
}

}  // namespace keeper
