// ctl rotate, reopen, flush
#include "ctl/cli/arguments.hpp"
#include "ctl/cli/context.hpp"
#include "ctl/commands/all.hpp"
#include "ctl/logs/keeping.hpp"
#include "ctl/ops/fleet_state.hpp"

namespace keeper {
namespace {

enum class Doing { rotate, reopen, flush };

std::vector<Outcome> ask_keepers(const Home& home, const std::vector<Row>& rows, Doing doing,
                                 const Deadline& deadline) {
  switch (doing) {
    case Doing::rotate: return rotate_logs(home, rows, deadline);
    case Doing::reopen: return reopen_logs(home, rows, deadline);
    case Doing::flush: break;
  }
  return flush_logs(home, rows, deadline);
}

int run(Arguments& arguments, Doing doing, const char* word) {
  std::vector<std::string> targets;
  std::optional<Millis> timeout;
  arguments.words(targets, "TARGET", 1);
  arguments.duration("--timeout", timeout, "return after so long (default: no limit)");
  if (auto code = arguments.parse()) return *code;
  Deadline deadline = whole_command(timeout);
  Work work(word);
  if (auto code = work.find(targets, to_find(timeout))) return *code;
  std::vector<Chosen> gone;
  std::vector<Row> rows = work.with_a_keeper(gone);
  if (!rows.empty()) work.report(ask_keepers(work.home(), rows, doing, deadline));
  for (const Chosen& app : gone) {
    if (doing == Doing::flush)
      work.report({flush_without_keeper(work.home(), app.row)});
    else if (app.is_explicit)
      work.fail(app.row.id, exit_code::not_running, "it is not running");
  }
  return work.exit_code();
}

}  // namespace

Command rotate_command() {
  return {"rotate",
          0,
          {},
          "TARGET...",
          "Begins new log files; the old ones become backups.",
          "A log whose last line has not ended is rotated when it has.\n",
          "  ctl rotate api          api.log becomes api.log.1, and so on\n"
          "  ctl rotate all          of all that run\n",
          [](Arguments& arguments) { return run(arguments, Doing::rotate, "rotate the log of"); }};
}

Command reopen_command() {
  return {
      "reopen",
      0,
      {{"reloadLogs"}},
      "TARGET...",
      "Opens log files again by their paths, for who has renamed them.",
      "A file that was renamed or removed is noticed within a second anyway; this is for logrotate, which\n"
      "goes on when it is done.\n",
      "  mv api.log api.log.old && ctl reopen api\n",
      [](Arguments& arguments) { return run(arguments, Doing::reopen, "reopen the log of"); }};
}

Command flush_command() {
  return {"flush",
          0,
          {},
          "TARGET...",
          "Empties log files, and removes their backups.",
          "Also of apps that do not run.\n",
          "  ctl flush api           its log begins anew\n"
          "  ctl flush all           of all apps: the space is free again\n",
          [](Arguments& arguments) { return run(arguments, Doing::flush, "flush the log of"); }};
}

}  // namespace keeper
