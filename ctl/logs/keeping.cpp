#include "ctl/logs/keeping.hpp"

#include <unistd.h>

#include <cerrno>

#include "ctl/ops/call.hpp"
#include "protocol/base/links.hpp"
#include "protocol/logs/index.hpp"

namespace keeper {
namespace {

template <class M>
std::vector<Outcome> tend(const Home& home, const std::vector<Row>& rows, const char* done,
                          const Deadline& deadline) {
  std::vector<Call> calls;
  for (const Row& row : rows)
    calls.push_back(call_to(row.id, M{}));
  Answers answers = call_all(home, calls, deadline.left());
  std::vector<Outcome> out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const AppId& id = rows[i].id;
    auto reply = reply_of<M>(id, answers[i]);
    out.push_back(reply ? Outcome::done(id, done + (" the log of " + id.stem()))
                        : Outcome::failed(id, reply.error()));
  }
  return out;
}

}  // namespace

std::vector<Outcome> rotate_logs(const Home& home, const std::vector<Row>& rows, const Deadline& deadline) {
  return tend<RotateLogs>(home, rows, "rotated", deadline);
}

std::vector<Outcome> reopen_logs(const Home& home, const std::vector<Row>& rows, const Deadline& deadline) {
  return tend<ReopenLogs>(home, rows, "reopened", deadline);
}

std::vector<Outcome> flush_logs(const Home& home, const std::vector<Row>& rows, const Deadline& deadline) {
  return tend<FlushLogs>(home, rows, "flushed", deadline);
}

ActingUser user_of(const Home& home, const Row& row) {
  auto spec = home.read_spec(row.id.stem());
  return spec ? home.acting_user(*spec) : ActingUser();
}

std::vector<LogFiles> all_log_files(const Home& home, const Row& row, const ActingUser& user) {
  std::vector<LogFiles> out;
  const std::string stem = row.id.stem();
  auto spec = home.read_spec(stem);
  auto places = log_places_of(home, row);
  for (const LogPlace& place : places ? *places : std::vector<LogPlace>()) {
    auto at = find_place(place.path, &user, LastLink::kept);
    if (!at) continue;
    // The record says where a link led; who made it counts all the same.
    if (spec && rights_at(given_path_of(home, stem, *spec, place), user) != nullptr) at->as = &user;
    auto names = log_files_of(*at, spec ? spec->log_backups : Spec{}.log_backups);
    out.push_back({std::move(*at), std::move(names)});
  }
  return out;
}

std::vector<LogFiles> log_links(const Home& home, const Row& row, const ActingUser& user) {
  const std::string stem = row.id.stem();
  std::vector<std::string> paths = {home.log_path(stem), home.error_log_path(stem)};
  if (auto spec = home.read_spec(stem)) paths.insert(paths.end(), {spec->log, spec->error_log});
  std::vector<LogFiles> out;
  for (const std::string& path : paths) {
    if (!path.starts_with('/') || end_of_links(path) == path) continue;
    auto at = find_place(path, &user, LastLink::kept);
    if (at) {
      const std::string name = at->base();
      out.push_back({std::move(*at), {name}});
    }
  }
  return out;
}

std::vector<std::string> paths_of(const std::vector<LogFiles>& files) {
  std::vector<std::string> out;
  for (const LogFiles& log : files)
    for (const std::string& name : log.names)
      out.push_back(log.at.path.substr(0, log.at.path.size() - log.at.base().size()) + name);
  return out;
}

Done delete_log_files(const std::vector<LogFiles>& files) {
  for (const LogFiles& log : files)
    for (const std::string& file : log.names)
      for (const std::string& name : {file, index_name(file)})
        if (!remove_beside(log.at, name) && errno != ENOENT) return system_error("", "its log " + name);
  return {};
}

Outcome flush_without_keeper(const Home& home, const Row& row) {
  auto lock = home.lock(row.id.stem(), Home::kLockWait);
  if (!lock) return Outcome::failed(row.id, lock.error());
  const ActingUser user = user_of(home, row);
  if (Done done = delete_log_files(all_log_files(home, row, user)); !done)
    return Outcome::failed(row.id, done.error());
  return Outcome::done(row.id, "flushed the log of " + row.id.stem());
}

}  // namespace keeper
