#include "ctl/fleet/log_keeping.hpp"

#include <unistd.h>

#include <cerrno>

#include "ctl/fleet/asking.hpp"
#include "protocol/home/log_index.hpp"
#include "protocol/home/log_link.hpp"

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

std::vector<std::string> all_log_files(const Home& home, const Row& row) {
  std::vector<std::string> out;
  auto spec = home.read_spec(row.id.stem());
  if (auto places = log_places_of(home, row))
    for (const LogPlace& place : *places)
      for (std::string& file : log_files_of(place.path, spec ? spec->log_backups : Spec{}.log_backups))
        out.push_back(std::move(file));
  return out;
}

std::vector<std::string> log_links(const Home& home, const Row& row) {
  std::string stem = row.id.stem();
  std::vector<std::string> out, paths = {home.log_path(stem), home.error_log_path(stem)};
  if (auto spec = home.read_spec(stem)) paths.insert(paths.end(), {spec->log, spec->error_log});
  for (const std::string& path : paths)
    if (path.starts_with('/') && end_of_links(path) != path) out.push_back(path);
  return out;
}

Done delete_log_files(const std::vector<std::string>& files) {
  for (const std::string& file : files)
    for (const std::string& name : {file, index_name(file)})
      if (unlink(name.c_str()) != 0 && errno != ENOENT) return system_error("", "its log " + name);
  return {};
}

Outcome flush_without_keeper(const Home& home, const Row& row) {
  auto lock = home.lock(row.id.stem(), Home::kLockWait);
  if (!lock) return Outcome::failed(row.id, lock.error());
  if (Done done = delete_log_files(all_log_files(home, row)); !done)
    return Outcome::failed(row.id, done.error());
  return Outcome::done(row.id, "flushed the log of " + row.id.stem());
}

}  // namespace keeper
