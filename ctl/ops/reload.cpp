#include "ctl/ops/reload.hpp"

#include <map>

#include "ctl/ops/call.hpp"
#include "protocol/store/ports.hpp"

namespace keeper {
namespace {

/// A port that the program has opened itself: a second run beside it could not have it. Empty: none.
std::string port_in_the_way(const Home& home, const Row& row) {
  auto spec = home.read_spec(row.id.stem());
  if (!row.status.pid || !spec || !spec->listen.empty() || spec->cluster.value_or(false)) return {};
  for (const Port& port : ports_of(row.status))
    if (port.state == "listening" && port.protocol.starts_with("tcp")) return port.local;
  return {};
}

Error holds_port(const AppId& id, const std::string& port) {
  return {Reason::failed, "",
          "it listens at " + port +
              " itself, so a new run could not beside it; start it with --listen, or a node program with "
              "--cluster (also with -i 1), or use 'ctl restart " +
              id.stem() + "'",
          0};
}

std::string pid_text(const std::optional<int>& pid) {
  return pid ? std::to_string(*pid) : "none";
}

Outcome kept(const Row& row, const Reloaded& reply) {
  const Status& now = reply.status;
  const bool goes_on = now.pid && now.pid == row.status.pid;
  Outcome out{row.id, exit_code::failed,
              goes_on ? "kept pid " + pid_text(now.pid) + ": " + *reply.failed
                      : *reply.failed + "; it is " + std::string(word_for(now.state)) + " now"};
  out.details = reply.output;
  return out;
}

Outcome outcome_of(const Row& row, const Answer& answer) {
  auto reply = reply_of<ReloadRun>(row.id, answer);
  if (!reply && reply.error().reason == Reason::timeout)
    return Outcome::failed(row.id, late("it goes on being reloaded"));
  if (!reply) return Outcome::failed(row.id, reply.error());
  if (reply->failed) return kept(row, *reply);
  const std::string stem = row.id.stem(), pid = pid_text(reply->status.pid);
  Outcome out = Outcome::done(
      row.id, row.status.pid ? "reloaded " + stem + ": pid " + pid_text(row.status.pid) + " -> " + pid
                             : stem + ": started, pid " + pid);
  out.notes = std::move(reply->changed);
  return out;
}

class Reloader {
 public:
  Reloader(const Home& home, const ReloadOptions& options, const Deadline& deadline)
      : home_(home), options_(options), deadline_(deadline) {}

  void reload(const std::vector<Row>& rows) {
    std::vector<Row> ready;
    // Each with a spec of its own, so each in a call of its own, all at the same time.
    std::vector<Call> calls;
    for (const Row& row : rows) {
      if (!may_be_reloaded(row)) continue;
      auto request = request_for(row);
      if (!request) {
        add(Outcome::failed(row.id, request.error()));
        continue;
      }
      calls.push_back(call_to(row.id, *request));
      ready.push_back(row);
    }
    std::vector<Answer> answers = call_all(home_, calls, deadline_.left());
    // About any run: one that ends all the time could not be reloaded.
    ask_again(home_, ready, answers, deadline_, [&](const Row& fresh) -> std::optional<Call> {
      auto request = request_for(fresh);
      if (!request) return std::nullopt;
      request->run.reset();
      return call_to(fresh.id, *request);
    });
    for (std::size_t i = 0; i < ready.size(); ++i)
      add(outcome_of(ready[i], answers[i]));
  }
  std::vector<Outcome> outcomes;

 private:
  Result<ReloadRun> request_for(const Row& row) {
    ReloadRun out;
    out.run = row.status.run;
    if (options_.canary) out.canary_ms = static_cast<std::uint64_t>(options_.canary->count());
    if (options_.change.empty()) return out;
    auto changed = changed_spec(home_, row.id, options_.change);
    if (!changed) return changed.error();
    out.spec = std::move(changed->spec);
    return out;
  }

  bool may_be_reloaded(const Row& row) {
    if (auto failed = failed_.find(row.id.name); failed != failed_.end())
      add(Outcome::failed(row.id,
                          {Reason::failed, "", failed->second + " was not, so it is left as it is", 0}));
    else if (deadline_.passed())
      add(Outcome::failed(row.id, late("it was not begun")));
    else if (auto port = port_in_the_way(home_, row); !port.empty())
      add(Outcome::failed(row.id, holds_port(row.id, port)));
    else
      return true;
    return false;
  }

  void add(Outcome outcome) {
    if (outcome.code != exit_code::done) failed_.emplace(outcome.id.name, outcome.id.stem());
    outcomes.push_back(std::move(outcome));
  }

  const Home& home_;
  const ReloadOptions& options_;
  const Deadline& deadline_;
  std::map<std::string, std::string> failed_;  ///< by the name of an app: the instance that was not reloaded
};

}  // namespace

std::vector<Outcome> reload_apps(const Home& home, const std::vector<Row>& rows, const ReloadOptions& options,
                                 const Deadline& deadline) {
  Reloader reloader(home, options, deadline);
  for (std::size_t at = 0; at < rows.size(); at += options.parallel) {
    const std::size_t end = std::min(rows.size(), at + options.parallel);
    reloader.reload(
        {rows.begin() + static_cast<std::ptrdiff_t>(at), rows.begin() + static_cast<std::ptrdiff_t>(end)});
  }
  return std::move(reloader.outcomes);
}

}  // namespace keeper
