// Lines that were sent once decode for ever. The files under lines/ are added to, never changed: clients and
// keepers of that time are still about, and so are the records of their homes.
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

#include "protocol/wire/codec.hpp"

namespace keeper {
namespace {

std::vector<std::string> lines_of(const std::string& name) {
  std::ifstream file(std::string(TEST_DATA) + "/lines/v1/" + name + ".jsonl");
  std::vector<std::string> out;
  for (std::string line; std::getline(file, line);)
    out.push_back(line);
  EXPECT_FALSE(out.empty()) << "no lines in " << name;
  return out;
}

template <class R>
std::vector<R> results_of(const std::string& name) {
  std::vector<R> out;
  for (const std::string& line : lines_of(name)) {
    auto reply = decode_reply(line);
    EXPECT_TRUE(reply && reply->id && !reply->error) << line;
    auto result = reply ? read_as<R>(reply->result) : Result<R>(reply.error());
    EXPECT_TRUE(result) << line << ": " << result.error().text();
    out.push_back(result ? *result : R{});
  }
  return out;
}

/// Every request of the file, those of batches one by one.
std::vector<Request> requests() {
  std::vector<Request> out;
  for (const std::string& line : lines_of("requests")) {
    for (const Incoming& item : decode_requests(line).items) {
      EXPECT_TRUE(std::holds_alternative<Request>(item)) << line;
      if (auto* request = std::get_if<Request>(&item)) out.push_back(*request);
    }
  }
  return out;
}

TEST(LinesOfV1, RequestsAreStillUnderstood) {
  auto all = requests();
  ASSERT_EQ(all.size(), 23u);
  EXPECT_TRUE(std::holds_alternative<Ping>(all[0].what));
  EXPECT_TRUE(std::holds_alternative<GetStatus>(all[1].what));
  EXPECT_TRUE(std::holds_alternative<GetSpec>(all[2].what));
  EXPECT_EQ(std::get<Stop>(all[3].what).run, std::nullopt);
  EXPECT_EQ(std::get<Stop>(all[4].what).run, 7u);
  EXPECT_EQ(std::get<RestartRun>(all[5].what).run, 8u);
  EXPECT_EQ(std::get<SignalRun>(all[6].what).signal, "SIGHUP");
  EXPECT_EQ(std::get<SignalRun>(all[6].what).run, 9u);
  EXPECT_EQ(std::get<GetLogs>(all[7].what).lines, 50u);
  EXPECT_TRUE(std::holds_alternative<Discover>(all[8].what));
  EXPECT_EQ(all[9].id, "\"abc\"");
  EXPECT_FALSE(all[10].answer);
  EXPECT_EQ(std::get<GetWhy>(all[13].what).lines, 3u);
  EXPECT_TRUE(std::holds_alternative<WatchEvents>(all[14].what));
  EXPECT_TRUE(std::holds_alternative<RotateLogs>(all[15].what));
  EXPECT_TRUE(std::holds_alternative<ReopenLogs>(all[16].what));
  EXPECT_TRUE(std::holds_alternative<FlushLogs>(all[17].what));
  EXPECT_EQ(std::get<ShareSocket>(all[20].what).key, "null:8080:4:undefined:0");
  EXPECT_EQ(std::get<SendMessage>(all[19].what).message.text, R"({"level":"debug"})");
  const auto& reload = std::get<ReloadRun>(all[21].what);
  EXPECT_EQ(reload.run, 9u);
  EXPECT_EQ(reload.canary_ms, 5000u);
  EXPECT_EQ(reload.spec->listen.at(0).text(), "web=tcp:8080");
  EXPECT_EQ(std::get<Scale>(all[22].what).instances, 4);
}

TEST(LinesOfV1, RequestsHoldEveryMethodThatThereIs) {
  std::vector<bool> seen(std::variant_size_v<AnyRequest>);
  for (const Request& request : requests())
    seen[request.what.index()] = true;
  for (std::size_t i = 0; i < seen.size(); ++i)
    EXPECT_TRUE(seen[i]) << "no line for method number " << i;
}

TEST(LinesOfV1, PongsAreStillUnderstood) {
  Pong pong = results_of<Pong>("pong").at(0);
  EXPECT_EQ(pong.name, "example");
  EXPECT_EQ(pong.keeper_pid, 1138);
  EXPECT_EQ(pong.version, "0.1.0");
  EXPECT_EQ(pong.protocol, 1);
}

TEST(LinesOfV1, HowAReloadWentIsStillUnderstood) {
  auto all = results_of<Reloaded>("reloaded");
  EXPECT_EQ(all.at(0).status.pid, 1152);
  EXPECT_EQ(all.at(0).failed, std::nullopt);
  EXPECT_EQ(all.at(0).changed, (std::vector<std::string>{"env: LEVEL changed"}));
  EXPECT_EQ(all.at(1).failed, "ended within 5s of being ready: code 7");
  EXPECT_EQ(all.at(1).output, (std::vector<std::string>{"no such table"}));
}

TEST(LinesOfV1, AStatusOfARunningAppIsStillUnderstood) {
  Status s = results_of<Status>("status").at(1);
  EXPECT_EQ(s.name, "example");
  EXPECT_EQ(s.instance, 2);
  EXPECT_EQ(s.state, State::running);
  EXPECT_TRUE(s.ready);
  EXPECT_EQ(s.wanted, Wanted::up);
  EXPECT_EQ(s.pid, 1140);
  EXPECT_EQ(s.guard_pid, 1137);
  EXPECT_EQ(s.run, 7u);
  EXPECT_EQ(s.command, (std::vector<std::string>{"node", "/srv/caf\xE9.js"}));
  EXPECT_EQ(time_text(*s.started_at), "2026-11-20T17:24:00.123Z");
  EXPECT_EQ(s.last_exit->exit, ExitInfo::signal(SIGSEGV, true));
  EXPECT_EQ(s.last_exit->after_ms, 90'311);
  EXPECT_EQ(s.logs.at(0).bytes, 5120u);
  EXPECT_EQ(s.memory_bytes, 48'103'424u);
  EXPECT_DOUBLE_EQ(*s.cpu_percent, 0.3);
  EXPECT_EQ(s.pid_start, 123'456u);
}

TEST(LinesOfV1, AStatusOfAnAppInBackoffIsStillUnderstood) {
  Status s = results_of<Status>("status").at(2);
  EXPECT_EQ(s.state, State::backoff);
  EXPECT_EQ(s.pid, std::nullopt);
  EXPECT_EQ(s.guard_pid, std::nullopt);
  EXPECT_EQ(s.last_exit->exit, ExitInfo::code(3));
  EXPECT_EQ(s.next->action, "start");
  EXPECT_EQ(time_text(*s.next->at), "2026-11-20T17:24:00.400Z");
  EXPECT_EQ(s.spawn_error, "exec ./api: No such file or directory");
  EXPECT_EQ(s.reason, "start_retries");
  EXPECT_EQ(s.survivors, std::vector<int>{1141});
}

TEST(LinesOfV1, AStatusOfAStoppedAppThatLeftSomethingIsStillUnderstood) {
  Status s = results_of<Status>("status").at(3);
  EXPECT_EQ(s.state, State::stopped);
  EXPECT_EQ(s.wanted, Wanted::down);
  EXPECT_EQ(s.last_exit->cause, "stop");
  EXPECT_EQ(s.left, (std::vector<int>{1142, 1143}));
}

TEST(LinesOfV1, AStatusWithTheDocumentedMembersOnlyIsStillUnderstood) {
  Status s = results_of<Status>("status").at(0);
  EXPECT_EQ(s.name, "example");
  EXPECT_EQ(s.run, 0u);
  EXPECT_EQ(s.last_exit->exit, ExitInfo::signal(SIGKILL));
  EXPECT_EQ(s.uptime_ms, 5021);
}

TEST(LinesOfV1, ASpecIsStillUnderstood) {
  Spec spec = results_of<Spec>("spec").at(0);
  EXPECT_EQ(spec.instances, 2);
  EXPECT_EQ(spec.args, (std::vector<std::string>{"--port", "80"}));
  EXPECT_EQ(spec.env.at("A"), "1");
  EXPECT_EQ(spec.restart, Restart::on_failure);
  EXPECT_TRUE(spec.exit_codes.contains(ExitInfo::code(12)));
  EXPECT_EQ(spec.restart_window, std::chrono::minutes(1));
  EXPECT_EQ(spec.backoff, (Backoff{Millis(1000), Millis(5000)}));
  EXPECT_EQ(spec.stop_signal, (std::vector<int>{SIGINT, SIGTERM}));
  EXPECT_EQ(spec.log_max_size, 10u << 20);
  EXPECT_FALSE(spec.log_markers);
  EXPECT_EQ(spec.pid_file, "/run/x.pid");
  EXPECT_EQ(spec.user, "web");
  EXPECT_EQ(spec.run_as, "") << "a user of that time was a name for people, and nobody to become";
}

TEST(LinesOfV1, TheOtherResultsAreStillUnderstood) {
  EXPECT_EQ(results_of<Signalled>("signalled").at(0).pid, 1140);
  LogLines logs = results_of<LogLines>("log_lines").at(0);
  EXPECT_EQ(logs.lines, (std::vector<std::string>{"listening on 8080", "", "caf\xE9"}));
  EXPECT_EQ(logs.bytes, 5120u);
  EXPECT_TRUE(logs.truncated);
  Json document = Json::parse(results_of<OpenRpc>("open_rpc").at(0).document);
  EXPECT_EQ(document["methods"][0]["name"], "ping");
}

TEST(LinesOfV1, RunsAreStillUnderstood) {
  auto runs = results_of<RunHistory>("runs").at(0).runs;
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_EQ(runs[0].exit, ExitInfo::signal(SIGSEGV, true));
  EXPECT_EQ(time_text(*runs[0].confirmed_at), "2026-11-20T17:24:01.123Z");
  EXPECT_EQ(runs[0].max_memory_bytes, 48'103'424u);
  EXPECT_EQ(runs[0].decision->reason, "restart is always");
  EXPECT_EQ(runs[0].output.text, "listening on 8080\ncaf\xE9");
  EXPECT_EQ(runs[1].asked_by->uid, 1000u);
  EXPECT_EQ(runs[1].confirmed_at, std::nullopt);
  EXPECT_EQ(runs[2].exit, std::nullopt);
  EXPECT_EQ(runs[2].error, "exec /srv/api: No such file or directory");
  EXPECT_EQ(runs[2].decision->delay_ms, 100);
}

TEST(LinesOfV1, NewLinesAreStillUnderstood) {
  std::vector<NewLines> all;
  for (const std::string& line : lines_of("new_lines")) {
    auto json = decode_log(line);
    ASSERT_TRUE(json) << line;
    auto one = read_as<NewLines>(*json);
    ASSERT_TRUE(one) << line;
    all.push_back(*one);
  }
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].stream, 1u);
  EXPECT_EQ(all[0].lines, (std::vector<std::string>{"a client has come", "caf\xE9"}));
  EXPECT_TRUE(all[1].partial);
  EXPECT_EQ(all[2].dropped, 1310u);
}

TEST(LinesOfV1, EventsAreStillUnderstood) {
  std::vector<AppEvent> events;
  for (const std::string& line : lines_of("events")) {
    auto json = decode_event(line);
    ASSERT_TRUE(json) << line;
    auto event = read_as<AppEvent>(*json);
    ASSERT_TRUE(event) << line;
    events.push_back(*event);
  }
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].event, "now");
  EXPECT_EQ(events[0].status->pid, 1140);
  EXPECT_EQ(events[1].state, State::backoff);
  EXPECT_EQ(events[1].exit, ExitInfo::signal(SIGSEGV, true));
  EXPECT_EQ(events[1].cause, "crash");
  EXPECT_EQ(time_text(*events[2].until), "2026-11-20T17:27:20.223Z");
}

TEST(LinesOfV1, ErrorsAreStillUnderstood) {
  const std::pair<int, Reason> expected[] = {{rpc_code::server, Reason::changed},
                                             {rpc_code::parse, Reason::invalid},
                                             {rpc_code::invalid_request, Reason::too_large},
                                             {rpc_code::method_not_found, Reason::unsupported}};
  auto lines = lines_of("errors");
  ASSERT_EQ(lines.size(), std::size(expected));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto reply = decode_reply(lines[i]);
    ASSERT_TRUE(reply && reply->error) << lines[i];
    EXPECT_EQ(reply->error->code, expected[i].first);
    EXPECT_EQ(reply->error->reason, expected[i].second);
    EXPECT_FALSE(reply->error->message.empty());
  }
}

}  // namespace
}  // namespace keeper
