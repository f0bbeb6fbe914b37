#include "protocol/wire/codec.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>

#include "protocol/base/base64.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

// --- requests --------------------------------------------------------------------------------------------

Incoming decode_one(string_view line) {
  RequestLine decoded = decode_requests(line);
  EXPECT_EQ(decoded.items.size(), 1u) << line.substr(0, 200);
  EXPECT_FALSE(decoded.batch) << line.substr(0, 200);
  return decoded.items.empty() ? Incoming{BadRequest{}} : decoded.items[0];
}

Request decode_good(string_view line) {
  Incoming incoming = decode_one(line);
  if (auto* bad = std::get_if<BadRequest>(&incoming)) {
    ADD_FAILURE() << line.substr(0, 200) << ": " << bad->error.message;
    return {};
  }
  return std::get<Request>(incoming);
}

BadRequest decode_bad(string_view line) {
  Incoming incoming = decode_one(line);
  if (std::holds_alternative<Request>(incoming)) {
    ADD_FAILURE() << line.substr(0, 200) << " was taken";
    return {};
  }
  return std::get<BadRequest>(incoming);
}

void expect_bad(string_view line, int code, Reason reason, const string& id) {
  BadRequest bad = decode_bad(line);
  EXPECT_EQ(bad.error.code, code) << line.substr(0, 200);
  EXPECT_EQ(bad.error.reason, reason) << line.substr(0, 200);
  EXPECT_EQ(bad.id, id) << line.substr(0, 200);
  EXPECT_FALSE(bad.error.message.empty());
}

/// A request line of `method`, with `params` as they are.
string with_params(string_view method, string_view params) {
  return R"({"jsonrpc":"2.0","id":1,"method":")" + string(method) + R"(","params":)" + string(params) + "}";
}

string with_id(string_view id) {
  return R"({"jsonrpc":"2.0","id":)" + string(id) + R"(,"method":"ping"})";
}

template <class M>
M round_trip(const M& request) {
  string line = request_line(7, request);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  Request back = decode_good(line);
  EXPECT_EQ(back.id, "7");
  EXPECT_TRUE(back.answer);
  EXPECT_TRUE(std::holds_alternative<M>(back.what)) << line;
  return std::holds_alternative<M>(back.what) ? std::get<M>(back.what) : M{};
}

TEST(Requests, ComeBackAsTheyWereSent) {
  round_trip(Ping{});
  round_trip(GetStatus{});
  round_trip(GetSpec{});
  round_trip(Discover{});
  EXPECT_EQ(round_trip(Stop{18'446'744'073'709'551'615ULL}).run, 18'446'744'073'709'551'615ULL);
  EXPECT_EQ(round_trip(Stop{}).run, std::nullopt);
  EXPECT_EQ(round_trip(RestartRun{3}).run, 3u);
  ReloadRun reload;
  reload.run = 4;
  reload.canary_ms = 5000;
  reload.spec.emplace().name = "api";
  EXPECT_EQ(round_trip(reload).canary_ms, 5000u);
  EXPECT_EQ(round_trip(reload).spec->name, "api");
  SignalRun signal = round_trip(SignalRun{"SIGHUP", 4});
  EXPECT_EQ(signal.signal, "SIGHUP");
  EXPECT_EQ(signal.run, 4u);
  for (const char* message : {"1", "\"a\\\"b\"", "[1,{\"a\":null}]", "{\"cmd\":\"go\"}", "false"})
    EXPECT_EQ(round_trip(SendMessage{{message}, 4}).message.text, message);
  EXPECT_EQ(round_trip(SendMessage{}).message.text, "");
  EXPECT_EQ(round_trip(ShareSocket{"::8080"}).key, "::8080");
  EXPECT_EQ(round_trip(GetLogs{50}).lines, 50u);
  EXPECT_EQ(round_trip(GetLogs{}).lines, std::nullopt);
}

TEST(Requests, AreWrittenWithoutWhatIsNotSaid) {
  EXPECT_EQ(request_line(1, Ping{}), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n");
  EXPECT_EQ(request_line(2, Stop{}), "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"stop\"}\n");
  EXPECT_EQ(
      request_line(3, SignalRun{"HUP", 4}),
      "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"signal\",\"params\":{\"signal\":\"HUP\",\"run\":4}}\n");
}

TEST(Requests, MaySayThatTheyAreTheLastOfTheirConnection) {
  EXPECT_EQ(request_line(1, Ping{}, Last::yes),
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"last\":true}\n");
  EXPECT_TRUE(decode_requests(request_line(1, SignalRun{"HUP", 4}, Last::yes)).last);
  EXPECT_FALSE(decode_requests(request_line(1, Ping{})).last);
  const string one = request_line(1, Ping{}), two = request_line(2, Ping{}, Last::yes);
  EXPECT_TRUE(decode_requests("[" + one + "," + two + "]").last);
  for (const char* word : {"false", "null", "1", "\"true\"", "[true]"})
    EXPECT_FALSE(
        decode_requests(R"({"jsonrpc":"2.0","id":1,"method":"ping","last":)" + string(word) + "}").last)
        << word;
}

TEST(Requests, IgnoreMembersTheyDoNotKnow) {
  Request request = decode_good(
      R"({"trace":{"a":[1,2]},"id":1,"params":{"colour":[[]],"run":5,"more":null},"method":"stop","jsonrpc":"2.0"})");
  EXPECT_EQ(std::get<Stop>(request.what).run, 5u);
}

TEST(Requests, NeedNoParams) {
  for (const char* params : {"null", "{}", "[]", " [ ] "})
    EXPECT_EQ(std::get<GetLogs>(decode_good(with_params("logs", params)).what).lines, std::nullopt) << params;
  EXPECT_EQ(std::get<SignalRun>(decode_good(with_params("signal", "{}")).what).signal, "");
}

TEST(Requests, TakeNullForAParameterThatNeedNotBe) {
  EXPECT_EQ(std::get<Stop>(decode_good(with_params("stop", R"({"run":null})")).what).run, std::nullopt);
}

TEST(Requests, TakeTheLastOfMembersOfOneName) {
  EXPECT_EQ(std::get<Stop>(decode_good(with_params("stop", R"({"run":1,"run":2})")).what).run, 2u);
}

TEST(Requests, ReadEscapedNamesAndTexts) {
  Request request = decode_good(
      R"({"jsonrpc":"2\u002e0","\u0069d":1,"method":"sig\u006eal","params":{"\u0073ignal":"H\u0055P"}})");
  EXPECT_EQ(std::get<SignalRun>(request.what).signal, "HUP");
  EXPECT_EQ(request.id, "1");
}

TEST(Requests, WithAParameterOfTheWrongTypeNameIt) {
  for (const char* params :
       {R"({"run":"5"})", R"({"run":-1})", R"({"run":1.5})", R"({"run":1e2})", R"({"run":{}})",
        R"({"run":true})", R"({"run":18446744073709551616})", R"({"run":[]})"}) {
    expect_bad(with_params("stop", params), rpc_code::invalid_params, Reason::invalid, "1");
    EXPECT_NE(decode_bad(with_params("stop", params)).error.message.find("'run'"), string::npos);
  }
  for (const char* params :
       {R"({"signal":15})", R"({"signal":null})", R"({"signal":["HUP"]})", R"({"signal":{}})"}) {
    expect_bad(with_params("signal", params), rpc_code::invalid_params, Reason::invalid, "1");
    EXPECT_NE(decode_bad(with_params("signal", params)).error.message.find("'signal'"), string::npos);
  }
}

TEST(Requests, WithParamsByPositionAreRefused) {
  for (const char* params : {"[5]", "5", "\"x\"", "true"})
    expect_bad(with_params("stop", params), rpc_code::invalid_params, Reason::invalid, "1");
}

TEST(Requests, OfAMethodThatIsNotThereAreToldWhereTheListIs) {
  for (const char* method : {"explode", "", "Ping", "ping ", "rpc.discove"})
    expect_bad(with_params(method, "{}"), rpc_code::method_not_found, Reason::unsupported, "1");
  EXPECT_NE(decode_bad(with_params("explode", "{}")).error.message.find("rpc.discover"), string::npos);
  EXPECT_NE(decode_bad(with_params("explode", "{}")).error.message.find("'explode'"), string::npos);
}

TEST(Requests, ThatAreNoRequestsAreInvalid) {
  for (const char* line : {"7", "\"ping\"", "null", "true"})
    expect_bad(line, rpc_code::invalid_request, Reason::invalid, "null");
  for (const char* line :
       {R"({"id":1,"method":"ping"})", R"({"jsonrpc":"1.0","id":1,"method":"ping"})",
        R"({"jsonrpc":2.0,"id":1,"method":"ping"})", R"({"jsonrpc":"2.0","id":1})",
        R"({"jsonrpc":"2.0","id":1,"method":7})", R"({"jsonrpc":"2.0","id":1,"method":null})",
        R"({"jsonrpc":"2.0","id":1,"method":{"base64":"cGluZw=="}})"})
    expect_bad(line, rpc_code::invalid_request, Reason::invalid, "1");
  for (const char* id : {"{}", "[]", "true", "false", "[1]"})
    expect_bad(with_id(id), rpc_code::invalid_request, Reason::invalid, "null");
}

TEST(Requests, ThatAreInvalidAreAnsweredEvenWithoutAnId) {
  for (const char* line : {"{}", R"({"method":"ping"})", R"({"jsonrpc":"2.0"})"}) {
    expect_bad(line, rpc_code::invalid_request, Reason::invalid, "null");
    EXPECT_TRUE(decode_bad(line).answer);
  }
}

TEST(Requests, ThatAreNotJsonGetAParseError) {
  for (const char* line : {"ping", "{", "}", "[", "[1,]", "{\"jsonrpc\":\"2.0\",}", "{'id':1}", "{} {}",
                           "GET / HTTP/1.1", "\x16\x03\x01", "\xEF\xBB\xBF{}"})
    expect_bad(line, rpc_code::parse, Reason::invalid, "null");
}

TEST(Requests, WithBytesThatAreNoTextGetAParseError) {
  for (const char* piece :
       {"\\ud800", "\\udc00\\ud800", "\xFF", "\xC0\xAF", "\xED\xA0\x80", "\xF8\x88\x80\x80\x80", "\x01"})
    expect_bad(with_params("signal", "{\"signal\":\"" + string(piece) + "\"}"), rpc_code::parse,
               Reason::invalid, "null");
}

TEST(Requests, WithANulGetAParseError) {
  string good = with_id("1");
  expect_bad(good + string(1, '\0'), rpc_code::parse, Reason::invalid, "null");
  expect_bad(good + string(1, '\0') + good, rpc_code::parse, Reason::invalid, "null");
  expect_bad(string(1, '\0') + good, rpc_code::parse, Reason::invalid, "null");
  expect_bad(string(1, '\0'), rpc_code::parse, Reason::invalid, "null");
}

TEST(Requests, TakeANulThatIsWrittenAsAnEscape) {
  EXPECT_EQ(std::get<SignalRun>(decode_good(with_params("signal", R"({"signal":"a\u0000b"})")).what).signal,
            string("a\0b", 3));
}

TEST(Requests, KeepTheirIdByteForByte) {
  for (const char* id : {"7", "0", "-3", "1.50", "1e2", "123456789012345678901234567890", "1e999", "\"a\"",
                         "\"\"", "null", R"("\u00e9 \"x\" \/")", "\"caf\xC3\xA9\"", R"("\ud83d\ude00")"}) {
    Request request = decode_good(with_id(id));
    EXPECT_EQ(request.id, id);
    EXPECT_TRUE(request.answer);
    EXPECT_EQ(reply_text(request.id, Signalled{5}),
              R"({"jsonrpc":"2.0","id":)" + string(id) + R"(,"result":{"pid":5}})");
  }
  EXPECT_EQ(decode_good(R"({ "jsonrpc" : "2.0" , "id" :  7  , "method" : "ping" })").id, "7");
}

TEST(Requests, KeepTheIdOfABadRequestToo) {
  expect_bad(R"({"jsonrpc":"2.0","id":1.50,"method":"explode"})", rpc_code::method_not_found,
             Reason::unsupported, "1.50");
}

TEST(Requests, WithoutAnIdAreNotAnswered) {
  EXPECT_FALSE(decode_good(R"({"jsonrpc":"2.0","method":"ping"})").answer);
  EXPECT_FALSE(decode_bad(R"({"jsonrpc":"2.0","method":"explode"})").answer);
  EXPECT_FALSE(decode_bad(R"({"jsonrpc":"2.0","method":"stop","params":[1]})").answer);
  EXPECT_FALSE(decode_bad(R"({"jsonrpc":"2.0","method":"stop","params":{"run":"x"}})").answer);
}

TEST(Requests, OfALineOfWhiteSpaceAreNone) {
  for (const char* line : {"", " ", "\t \r"}) {
    EXPECT_TRUE(decode_requests(line).items.empty());
    EXPECT_FALSE(decode_requests(line).batch);
  }
}

TEST(Batches, AreReadOneByOneInTheirOrder) {
  RequestLine line = decode_requests(
      R"( [{"jsonrpc":"2.0","id":1,"method":"ping"}, {"jsonrpc":"2.0","method":"status"},7,{"jsonrpc":"2.0","id":"x","method":"no"},[]] )");
  EXPECT_TRUE(line.batch);
  ASSERT_EQ(line.items.size(), 5u);
  EXPECT_TRUE(std::holds_alternative<Ping>(std::get<Request>(line.items[0]).what));
  EXPECT_FALSE(std::get<Request>(line.items[1]).answer);
  EXPECT_EQ(std::get<BadRequest>(line.items[2]).error.code, rpc_code::invalid_request);
  EXPECT_EQ(std::get<BadRequest>(line.items[3]).id, "\"x\"");
  EXPECT_EQ(std::get<BadRequest>(line.items[3]).error.code, rpc_code::method_not_found);
  EXPECT_EQ(std::get<BadRequest>(line.items[4]).error.code, rpc_code::invalid_request);
}

TEST(Batches, OfOneAreStillAnsweredAsAnArray) {
  RequestLine line = decode_requests("[" + with_id("1") + "]");
  EXPECT_TRUE(line.batch);
  EXPECT_EQ(line.items.size(), 1u);
}

TEST(Batches, ThatAreEmptyAreOneInvalidRequest) {
  expect_bad("[]", rpc_code::invalid_request, Reason::invalid, "null");
  expect_bad(" [ ] ", rpc_code::invalid_request, Reason::invalid, "null");
}

TEST(Batches, ThatBreakOffAreOneParseError) {
  expect_bad("[" + with_id("1") + ",{\"jsonrpc\"", rpc_code::parse, Reason::invalid, "null");
}

// --- bounds ----------------------------------------------------------------------------------------------

/// Arrays in arrays, `depth` of them.
string nested(std::size_t depth) {
  return string(depth, '[') + string(depth, ']');
}

/// A request with `count` values in its params: the object, the array and the ones.
string with_values(int count) {
  string ones = "1";
  for (int i = 1; i < count; ++i)
    ones += ",1";
  return with_params("ping", "{\"x\":[" + ones + "]}");
}

TEST(Bounds, LetSixtyFourLevelsPassAndNoMore) {
  decode_good(with_params("ping", "{\"x\":" + nested(62) + "}"));
  expect_bad(with_params("ping", "{\"x\":" + nested(63) + "}"), rpc_code::invalid_request, Reason::too_large,
             "null");
}

TEST(Bounds, LetTenThousandValuesPassAndNoMore) {
  decode_good(with_values(kMostValues - 6));  // request, jsonrpc, id, method, params, array
  expect_bad(with_values(kMostValues - 5), rpc_code::invalid_request, Reason::too_large, "null");
}

TEST(Bounds, SayWhatTheyAre) {
  string text = decode_bad(nested(65)).error.message;
  EXPECT_NE(text.find("64 levels"), string::npos) << text;
  EXPECT_NE(text.find("10000 values"), string::npos) << text;
}

TEST(Bounds, StopAMebibyteOfBracketsAtOnce) {
  string line(kMostLine, '[');
  auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i)
    EXPECT_FALSE(decode_requests(line).items.empty());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));  // 1 GB, were it read
  expect_bad(line, rpc_code::invalid_request, Reason::too_large, "null");
}

TEST(Bounds, KeepThousandsOfUnknownMembersCheap) {
  string params = "{\"k0\":0";
  for (int i = 1; i < 9900; ++i)
    params += ",\"a_rather_long_name_of_a_member_" + std::to_string(i) + "\":0";
  string line = with_params("stop", params + ",\"run\":3}");
  auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(std::get<Stop>(decode_good(line).what).run, 3u);
  EXPECT_LT(std::chrono::steady_clock::now() - begin,
            std::chrono::seconds(5));  // a tree of it: 130 ms each, unhurried
}

TEST(Bounds, OfRepliesHoldTheMostEmptyLinesThatFitIntoOne) {
  LogLines logs;
  logs.lines.assign(192 * 1024, "");
  auto reply = decode_reply(reply_text("1", logs));
  ASSERT_TRUE(reply) << reply.error().text();
  auto back = read_as<LogLines>(reply->result);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back->lines.size(), 192u * 1024);
  EXPECT_FALSE(decode_reply(R"({"id":1,"result":)" + nested(64) + "}"));
}

// --- replies ---------------------------------------------------------------------------------------------

WallTime at(std::int64_t ms) {
  return WallTime(Millis(ms));
}

/// The example of the documents, and a value in every field.
Status full_status() {
  Status s;
  s.name = "example";
  s.instance = 2;
  s.state = State::running;
  s.ready = true;
  s.wanted = Wanted::up;
  s.pid = 1140;
  s.keeper_pid = 1138;
  s.guard_pid = 1137;
  s.run = 18'446'744'073'709'551'615ULL;
  s.command = {"node", "/srv/caf\xE9.js", ""};
  s.cwd = "/srv/\xFF";
  s.user = "web";
  s.started_at = at(1'795'195'440'123);
  s.confirmed_at = at(1'795'195'441'123);
  s.stopped_at = at(1'795'195'440'124);
  s.uptime_ms = 5021;
  s.restarts = 1;
  s.last_exit = LastExit{ExitInfo::signal(SIGKILL, true), at(1'795'195'440'119), 90'311, "crash", 1101};
  s.last_exit->kill_reason = "it did not end within 10s of SIGTERM";
  s.last_exit->killed = {{1101, "./api", "it did not end within 10s of SIGTERM"}, {1102, "caf\xE9", ""}};
  s.next = Next{"start", at(1'795'195'441'000)};
  s.spawn_error = "exec /srv/api: No such file or directory";
  s.reason = "max_restarts";
  s.survivors = {7, 8};
  s.left = {9};
  s.at_risk = "no room";
  s.cut_off = {"/run/api.sock"};
  s.status_text = "serving";
  s.doing = "reloading";
  s.waiting_for = {"tcp:80"};
  s.not_ready = "tcp:80 refused the connection";
  s.logs = {{"all", "/home/web/.keeper/logs/example.log", 5120}, {"err", "/dev/null", 0}};
  s.syslog = SyslogState{"udp:[::1]:514", 7, "cannot send to udp:[::1]:514: Connection refused"};
  s.memory_bytes = 48'103'424;
  s.cpu_percent = 0.3;
  s.version = "0.1.0";
  s.protocol = 9;
  s.boot_id = "8ad0f2f7-5f26-4a0b-9c55-1d5bbd6a8f8b";
  s.pid_start = 123'456;
  return s;
}

template <class R>
R reply_trip(const R& result) {
  string line = reply_text("7", result);
  EXPECT_EQ(line.find('\n'), string::npos);
  auto reply = decode_reply(line);
  if (!reply) {
    ADD_FAILURE() << reply.error().text();
    return {};
  }
  EXPECT_EQ(reply->id, 7u);
  EXPECT_FALSE(reply->error);
  EXPECT_EQ(reply->result, write_as(result));
  auto back = read_as<R>(reply->result);
  if (!back) ADD_FAILURE() << back.error().text() << ": " << line;
  return back ? *std::move(back) : R{};
}

TEST(Replies, CarryEveryFieldOfAStatus) {
  Status sent = full_status(), got = reply_trip(sent);
  EXPECT_EQ(write_as(got), write_as(sent));
  EXPECT_EQ(got.command, sent.command);
  EXPECT_EQ(got.cwd, sent.cwd);
  EXPECT_EQ(got.run, sent.run);
  EXPECT_EQ(got.state, sent.state);
  EXPECT_EQ(got.started_at, sent.started_at);
  ASSERT_TRUE(got.last_exit);
  EXPECT_EQ(got.last_exit->exit, sent.last_exit->exit);
  EXPECT_EQ(got.last_exit->pid, 1101);
  EXPECT_EQ(got.last_exit->kill_reason, sent.last_exit->kill_reason);
  EXPECT_EQ(got.last_exit->killed, sent.last_exit->killed);
  EXPECT_EQ(got.syslog->dropped, 7u);
  EXPECT_TRUE(got.syslog->trouble && got.syslog->target == "udp:[::1]:514");
  ASSERT_EQ(got.logs.size(), 2u);
  EXPECT_EQ(got.logs[0].bytes, 5120u);
  EXPECT_DOUBLE_EQ(*got.cpu_percent, 0.3);

  // A field that is at its default here would not have been tried.
  Json defaults = Json::parse(write_as(Status())), row = Json::parse(write_as(sent));
  for (const auto& [key, value] : row.items())
    EXPECT_NE(value, defaults[key]) << key;
}

TEST(Replies, CarryAStatusOfWhichNothingIsKnown) {
  Status got = reply_trip(Status());
  EXPECT_EQ(write_as(got), write_as(Status()));
  EXPECT_EQ(got.pid, std::nullopt);
  EXPECT_FALSE(got.last_exit);
}

TEST(Replies, CarryEveryKindOfExit) {
  for (ExitInfo exit :
       {ExitInfo::code(0), ExitInfo::code(255), ExitInfo::signal(SIGTERM), ExitInfo::signal(SIGSEGV, true),
        ExitInfo::signal(32), ExitInfo::signal(SIGRTMIN + 2), ExitInfo::unknown()}) {
    Status sent;
    sent.last_exit = LastExit{exit, std::nullopt, 5, "exit", std::nullopt};
    EXPECT_EQ(reply_trip(sent).last_exit->exit, exit) << exit_text(exit);
  }
}

TEST(Replies, CarryEveryStateAndWish) {
  for (const auto& state : kWordsOf<State>) {
    Status sent;
    sent.state = state.value;
    EXPECT_EQ(reply_trip(sent).state, state.value);
    EXPECT_EQ(Json::parse(write_as(sent))["state"], string(state.word));
  }
  for (const auto& wanted : kWordsOf<Wanted>) {
    Status sent;
    sent.wanted = wanted.value;
    EXPECT_EQ(reply_trip(sent).wanted, wanted.value);
  }
}

TEST(Replies, CarryPongSignalledAndSpec) {
  Pong pong = reply_trip(Pong{"api", 5, "9.9", 3});
  EXPECT_EQ(write_as(pong), R"({"name":"api","keeper_pid":5,"version":"9.9","protocol":3})");
  EXPECT_EQ(reply_trip(Signalled{1140}).pid, 1140);
  Spec spec;
  spec.name = "api";
  spec.args = {"caf\xE9"};
  spec.max_restarts = 3;
  EXPECT_EQ(reply_trip(spec), spec);
}

TEST(Replies, CarryLogLinesOfAnyBytes) {
  LogLines sent;
  sent.path = "/log/\xE9";
  sent.bytes = 99;
  sent.truncated = true;
  sent.lines = {"plain",
                "",
                "caf\xC3\xA9",
                "caf\xE9",
                string("a\0b", 3),
                "\xFF\xFE",
                "\"quoted\\",
                "\xED\xA0\x80",
                R"({"base64":"AAAA"})",
                "\x1B[31m",
                "\xF0\x9F\x98\x80"};
  LogLines got = reply_trip(sent);
  EXPECT_EQ(got.lines, sent.lines);
  EXPECT_EQ(got.path, sent.path);
  EXPECT_TRUE(got.truncated);
  Json lines = Json::parse(write_as(sent))["lines"];
  EXPECT_EQ(lines[0], "plain");
  EXPECT_EQ(lines[3].dump(), R"({"base64":"Y2Fm6Q=="})");
}

TEST(Replies, CarryEveryByteInALogLine) {
  LogLines sent;
  for (int c = 0; c < 256; ++c)
    sent.lines.emplace_back(1, static_cast<char>(c));
  EXPECT_EQ(reply_trip(sent).lines, sent.lines);
}

TEST(Replies, CarryAnOpenRpcDocument) {
  OpenRpc sent = open_rpc();
  EXPECT_EQ(Json::parse(reply_trip(sent).document), Json::parse(sent.document));
}

TEST(Replies, CarryErrorsWithTheirReason) {
  for (Reason reason :
       {Reason::failed, Reason::unreachable, Reason::changed, Reason::busy, Reason::too_large}) {
    auto reply = decode_reply(error_text("7", RpcError{-32000, "cannot stop api: no", reason}));
    ASSERT_TRUE(reply);
    ASSERT_TRUE(reply->error);
    EXPECT_EQ(reply->id, 7u);
    EXPECT_EQ(reply->error->code, -32000);
    EXPECT_EQ(reply->error->message, "cannot stop api: no");
    EXPECT_EQ(reply->error->reason, reason);
  }
}

TEST(Replies, AreErrorsInTheFormOfJsonRpc) {
  EXPECT_EQ(
      error_text("null", {rpc_code::parse, "not JSON", Reason::invalid}),
      R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"not JSON","data":{"reason":"invalid"}}})");
}

TEST(Replies, WithAReasonOfANewerKeeperHaveFailed) {
  for (const char* data : {R"({"reason":"out_of_coffee"})", R"({"reason":7})", "{}", "null", "[]"}) {
    auto reply =
        decode_reply(R"({"id":1,"error":{"code":-32000,"message":"no","data":)" + string(data) + "}}");
    ASSERT_TRUE(reply && reply->error) << data;
    EXPECT_EQ(reply->error->reason, Reason::failed) << data;
    EXPECT_EQ(reply->error->message, "no");
  }
}

TEST(Replies, WithoutTheUsualPartsOfAnErrorAreErrorsStill) {
  auto reply = decode_reply(R"({"id":1,"error":{}})");
  ASSERT_TRUE(reply && reply->error);
  EXPECT_EQ(reply->error->code, rpc_code::server);
}

TEST(Replies, ToALineThatWasNotUnderstoodHaveNoId) {
  auto reply = decode_reply(error_text("null", {rpc_code::parse, "not JSON", Reason::invalid}));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->id, std::nullopt);
  EXPECT_EQ(decode_reply(R"({"id":"a","result":1})")->id, std::nullopt);
}

TEST(Replies, ThatAreNoneAreRefused) {
  for (const char* line :
       {"", " ", "hello", "[]", "7", "{}", R"({"id":1})", R"({"id":1,"error":7})", R"({"id":1,"result":})",
        R"({"id":1,"result":"\ud800"})", "{\"id\":1,\"result\":\"\xFF\"}", R"({"id":1,"result":{})"})
    EXPECT_FALSE(decode_reply(line)) << line;
}

TEST(Replies, KeepTheResultAsItWasSent) {
  EXPECT_EQ(decode_reply(R"({"result": {"x" : 1.50 } ,"id":1})")->result, R"({"x" : 1.50 })");
  EXPECT_EQ(decode_reply(R"({"result":null,"error":null,"id":1})")->result, "null");
}

TEST(Records, IgnoreMembersOfANewerKeeperAndKeepTheRest) {
  auto status = read_as<Status>(
      R"({"name":"api","mood":{"a":[1]},"state":"dreaming","wanted":"sideways","last_exit":{"code":3,"who":"me"},"logs":[{"stream":"all","x":1}]})");
  ASSERT_TRUE(status) << status.error().text();
  EXPECT_EQ(status->name, "api");
  EXPECT_EQ(status->state, Status().state);
  EXPECT_EQ(status->wanted, Status().wanted);
  EXPECT_EQ(status->last_exit->exit, ExitInfo::code(3));
  EXPECT_EQ(status->logs.at(0).stream, "all");
}

TEST(Records, WithASignalThatIsNotKnownHereEndedInAnUnknownWay) {
  EXPECT_EQ(read_as<Status>(R"({"last_exit":{"signal":"SIGNEW"}})")->last_exit->exit, ExitInfo::unknown());
}

TEST(Records, WithoutAMemberKeepTheDefault) {
  auto status = read_as<Status>("{}");
  ASSERT_TRUE(status);
  EXPECT_EQ(write_as(*status), write_as(Status()));
}

TEST(Records, OfTheWrongTypeNameTheMember) {
  const std::pair<const char*, const char*> bad[] = {
      {R"({"name":7})", "name"},
      {R"({"pid":"1"})", "pid"},
      {R"({"pid":2147483648})", "pid"},
      {R"({"ready":1})", "ready"},
      {R"({"state":7})", "state"},
      {R"({"run":-1})", "run"},
      {R"({"command":"x"})", "command"},
      {R"({"command":[1]})", "command"},
      {R"({"started_at":"yesterday"})", "started_at"},
      {R"({"last_exit":{"code":"x"}})", "last_exit"},
      {R"({"last_exit":7})", "last_exit"},
      {R"({"logs":[{"bytes":-1}]})", "logs"},
      {R"({"cpu_percent":"much"})", "cpu_percent"},
      {R"({"next":[]})", "next"},
  };
  for (const auto& [text, name] : bad) {
    auto status = read_as<Status>(text);
    ASSERT_FALSE(status) << text;
    EXPECT_EQ(status.error().reason, Reason::invalid);
    EXPECT_NE(status.error().text().find(name), string::npos) << status.error().text();
  }
  EXPECT_NE(read_as<Spec>(R"({"log_max_size":"big"})").error().text().find("log_max_size"), string::npos);
}

TEST(Records, ThatAreNoObjectsAreRefused) {
  for (const char* text : {"", "  ", "[]", "7", "null", "{", "{}x", "\"\"", "{\"name\":\"\xFF\"}"}) {
    EXPECT_FALSE(read_as<Status>(text)) << text;
    EXPECT_FALSE(read_as<Spec>(text)) << text;
    EXPECT_FALSE(read_as<OpenRpc>(text)) << text;
    EXPECT_FALSE(read_as<LogLines>(text)) << text;
  }
  EXPECT_FALSE(read_as<Status>(string_view("{}\0", 3)));
}

TEST(Records, WithANumberThatNoneCanHoldAreRefused) {
  EXPECT_FALSE(read_as<OpenRpc>(R"({"openrpc":1e999})"));
  EXPECT_FALSE(read_as<Status>(R"({"cpu_percent":1e999})"));
  EXPECT_TRUE(read_as<Status>(R"({"unknown":1e999})"));
}

TEST(Records, MayBeIndentedAndEndWithANewline) {
  Status sent = full_status();
  string text = " " + write_as(sent, 2) + "\n";
  auto back = read_as<Status>(text);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(write_as(*back), write_as(sent));
}

/// The names of the members of an object, in their order.
std::vector<string> names(const Json& object) {
  std::vector<string> out;
  for (const auto& item : object.items())
    out.push_back(item.key());
  return out;
}

/// `all` without what is not in `known`.
std::vector<string> only(std::vector<string> all, const std::vector<string>& known) {
  std::erase_if(
      all, [&](const string& name) { return std::find(known.begin(), known.end(), name) == known.end(); });
  return all;
}

TEST(StatusRow, HasTheDocumentedMembersInTheirOrder) {
  Json row = Json::parse(write_as(full_status()));
  std::vector<string> documented = {"name",        "instance",   "state",       "ready",     "wanted",
                                    "pid",         "keeper_pid", "guard_pid",   "command",   "cwd",
                                    "user",        "started_at", "stopped_at",  "uptime_ms", "restarts",
                                    "last_exit",   "next",       "spawn_error", "logs",      "memory_bytes",
                                    "cpu_percent", "version",    "protocol"};
  EXPECT_EQ(only(names(row), documented), documented);
  std::vector<string> exit = {"code", "signal", "at", "after_ms", "cause"};
  EXPECT_EQ(only(names(row["last_exit"]), exit), exit);
  EXPECT_EQ(names(row["logs"][0]),
            (std::vector<string>{"stream", "path", "bytes", "trouble", "dropped", "waiting"}));
  EXPECT_EQ(names(row["next"]), (std::vector<string>{"action", "at"}));
  EXPECT_EQ(names(Json::parse(write_as(Status()))), names(row)) << "absent values are null, never left out";
}

TEST(StatusRow, WritesItsValuesAsDocumented) {
  Json row = Json::parse(write_as(full_status()));
  EXPECT_EQ(row["started_at"], "2026-11-20T17:24:00.123Z");
  EXPECT_EQ(row["last_exit"]["signal"], "SIGKILL");
  EXPECT_TRUE(row["last_exit"]["code"].is_null());
  EXPECT_EQ(row["cpu_percent"].dump(), "0.3");
  EXPECT_EQ(row["state"], "running");
  EXPECT_EQ(row["wanted"], "up");
  EXPECT_TRUE(Json::parse(write_as(Status()))["instance"].is_null());
}

TEST(StatusRow, LabelCarriesTheInstance) {
  Status status;
  status.name = "api";
  EXPECT_EQ(label(status), "api");
  status.instance = 0;
  EXPECT_EQ(label(status), "api");
  status.instance = 2;
  EXPECT_EQ(label(status), "api:2");
}

TEST(StatusText, WritesSharesAsTheLibraryDoes) {
  for (double share :
       {0.0, 0.3, 0.7, 1.1, 5.7, 12.0, 99.9, 1234567.8, 0.05, 1.0 / 3, -1.5, -0.1, 1e15, 1e300}) {
    Status s;
    s.cpu_percent = share;
    EXPECT_EQ(Json::parse(write_as(s))["cpu_percent"].dump(), Json(share).dump());
    EXPECT_NE(write_as(s).find("\"cpu_percent\":" + Json(share).dump()), std::string::npos) << share;
  }
}

TEST(JsonList, HasOneObjectALine) {
  EXPECT_EQ(json_list({}), "[]");
  EXPECT_EQ(json_list({"{\"a\":1}"}), "[\n{\"a\":1}\n]");
  EXPECT_EQ(json_list({"{\"a\":1}", "{}"}), "[\n{\"a\":1},\n{}\n]");
}

// --- errors, discovery, base64 ---------------------------------------------------------------------------

TEST(RpcErrors, HaveTheCodeThatJsonRpcHasForTheReason) {
  auto code = [](Reason reason) { return to_rpc(Error{reason, "stop api", "no", 0}).code; };
  EXPECT_EQ(code(Reason::invalid), rpc_code::invalid_params);
  EXPECT_EQ(code(Reason::usage), rpc_code::invalid_params);
  EXPECT_EQ(code(Reason::unsupported), rpc_code::method_not_found);
  EXPECT_EQ(code(Reason::internal), rpc_code::internal);
  EXPECT_EQ(code(Reason::changed), rpc_code::server);
  EXPECT_EQ(code(Reason::not_running), rpc_code::server);
}

TEST(RpcErrors, CarryReasonAndTextToTheOtherSide) {
  Error there = from_rpc(to_rpc(Error{Reason::changed, "", "run 3 is over", 0}), "stop api");
  EXPECT_EQ(there.reason, Reason::changed);
  EXPECT_EQ(there.text(), "cannot stop api: run 3 is over");
}

TEST(RpcErrors, WithBytesThatAreNoTextAreJsonStill) {
  string line = error_text("1", {rpc_code::server, "cannot start caf\xE9", Reason::failed});
  auto reply = decode_reply(line);
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(reply->error->message, "cannot start caf\xEF\xBF\xBD");
}

template <std::size_t... I>
std::vector<string> methods(std::index_sequence<I...>) {
  return {string(std::variant_alternative_t<I, AnyRequest>::method)...};
}

TEST(Discovery, DescribesEveryMethodWithParamsAndResult) {
  Json document = Json::parse(open_rpc().document);
  EXPECT_EQ(document["openrpc"], "1.2.6");
  std::vector<string> listed;
  for (const Json& method : document["methods"]) {
    listed.push_back(method["name"].get<string>());
    EXPECT_FALSE(method["summary"].get<string>().empty());
    EXPECT_TRUE(method["params"].is_array());
    EXPECT_EQ(method["result"]["schema"]["type"], "object");
  }
  EXPECT_EQ(listed, methods(std::make_index_sequence<std::variant_size_v<AnyRequest>>()));
}

TEST(Discovery, GivesEveryFieldOfAStatusItsType) {
  Json methods = Json::parse(open_rpc().document)["methods"];
  Json properties = methods[1]["result"]["schema"]["properties"];
  EXPECT_EQ(names(properties), names(Json::parse(write_as(Status()))));
  EXPECT_EQ(properties["name"]["type"], "string");
  EXPECT_EQ(properties["pid"]["type"], Json::array({"integer", "null"}));
  EXPECT_EQ(properties["ready"]["type"], "boolean");
  EXPECT_EQ(properties["command"]["items"]["type"], "string");
  EXPECT_EQ(properties["state"]["enum"].size(), kWordsOf<State>.size());
  EXPECT_EQ(properties["cpu_percent"]["type"], Json::array({"number", "null"}));
}

TEST(Base64, WritesAndReadsTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(base64(plain), coded);
    EXPECT_EQ(from_base64(coded), plain);
  }
  EXPECT_EQ(base64("\xFB\xFF\xBE"), "+/++");
}

TEST(Base64, CarriesEveryByteAtEveryPlace) {
  for (std::size_t place = 0; place < 4; ++place) {
    for (int c = 0; c < 256; ++c) {
      string bytes(4, 'x');
      bytes[place] = static_cast<char>(c);
      EXPECT_EQ(from_base64(base64(bytes)), bytes);
    }
  }
}

TEST(Base64, RefusesWhatIsNone) {
  for (const char* text : {"Z", "Zg", "Zg=", "=", "====", "Z===", "Zg==Zg==", "Zm9v=", "Zm=v", "Z=9v",
                           "Zm9v\n", "Zm 9", "Zm9-", "Zm9_", "\xC3\xA9zz"})
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
}

TEST(Base64, RefusesASecondSpellingOfTheSameBytes) {
  // RFC 4648, section 3.5: bits that belong to no byte are zero.
  EXPECT_EQ(from_base64("Zh=="), std::nullopt);
  EXPECT_EQ(from_base64("Zm9="), std::nullopt);
}

}  // namespace
}  // namespace keeper
