// ctl delete
#include <cstdlib>

#include "ctl/cli/arguments.hpp"
#include "ctl/cli/context.hpp"
#include "ctl/commands/all.hpp"
#include "ctl/logs/keeping.hpp"
#include "ctl/ops/stop.hpp"

namespace keeper {
namespace {

/// What was done with the logs, for the message.
std::string deleted_text(const std::vector<std::string>& files) {
  if (files.empty()) return "";
  std::string out = " and its log " + files.front();
  if (files.size() == 2) out += " with an older one";
  if (files.size() > 2) out += " with " + std::to_string(files.size() - 1) + " older ones";
  return out;
}

Result<std::string> forget(const Home& home, const Row& row, bool keep_logs) {
  std::string stem = row.id.stem();
  auto lock = home.lock(stem, Home::kLockWait);
  if (!lock && lock.error().reason == Reason::already)
    return Error{Reason::already, "", "it was started again meanwhile", 0};
  if (!lock) return lock.error();
  // The record says where the log is: it goes last.
  const ActingUser user = user_of(home, row);
  const std::vector<LogFiles> files = all_log_files(home, row, user);
  const std::vector<std::string> logs = paths_of(files);
  std::string said;
  if (keep_logs) {
    if (!logs.empty()) said = "; its log stays: " + logs.front();
  } else {
    if (Done done = delete_log_files(files); !done) return done.error();
    if (Done done = delete_log_files(log_links(home, row, user)); !done) return done.error();
    said = deleted_text(logs);
  }
  home.unlink_socket(stem);
  if (Done done = home.remove_app(stem); !done) return done.error();
  return "deleted " + stem + said;
}

/// Whether this process may be one of the app's: the end of that is its own.
bool may_be_ours(const Row& row) {
  const char* name = std::getenv("KEEPER_NAME");
  return name != nullptr && row.id.name == name;
}

/// The apps that nothing runs of any more, after those that ran have been stopped; the caller's own last.
std::vector<Row> stop_first(Work& work, bool keep_logs, const Deadline& deadline) {
  std::vector<Row> running, own, ended;
  for (const Chosen& app : work.apps)
    (!has_keeper(app.row.status.state) ? ended : may_be_ours(app.row) ? own : running).push_back(app.row);
  const auto note = [&](const std::vector<Row>& rows, const std::vector<Outcome>& outcomes) {
    work.report(outcomes);
    for (const Outcome& one : outcomes)
      for (const Row& row : rows)
        if (row.id == one.id && one.code == exit_code::done) ended.push_back(row);
  };
  if (!running.empty()) note(running, stop_apps(work.home(), running, deadline));
  if (!own.empty()) note(own, stop_and_forget(work.home(), own, keep_logs, deadline));
  return ended;
}

int run(Arguments& arguments) {
  std::vector<std::string> targets;
  bool keep_logs = false;
  std::optional<Millis> timeout;
  arguments.words(targets, "TARGET", 1);
  arguments.flag("--keep-logs", keep_logs, "leave the log files where they are");
  arguments.duration("--timeout", timeout,
                     "return after so long; what still stops is not deleted (default: no limit)");
  if (auto code = arguments.parse()) return *code;

  Deadline deadline = whole_command(timeout);
  Work work("delete");
  if (auto code = work.find(targets, to_find(timeout))) return *code;
  for (const Row& row : stop_first(work, keep_logs, deadline)) {
    auto said = forget(work.home(), row, keep_logs);
    if (said)
      work.done(*said);
    else
      work.fail(row.id, exit_code::failed, said.error().why());
  }
  return work.exit_code();
}

}  // namespace

Command delete_command() {
  return {"delete",
          0,
          {{"rm"}},
          "TARGET...",
          "Stops apps and forgets them, with their logs.",
          "",
          "  ctl delete api                   stop api, delete its record and its logs\n"
          "  ctl delete 'job-*' --keep-logs   delete the records alone\n",
          run};
}

}  // namespace keeper
