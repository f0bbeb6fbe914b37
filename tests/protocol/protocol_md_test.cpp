// PROTOCOL.md cannot go stale: every example line in it is decoded, and everything declared is looked for in
// it.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "protocol/base/result.hpp"
#include "protocol/json/reader.hpp"
#include "protocol/wire/codec.hpp"
#include "protocol/wire/history.hpp"

namespace keeper {
namespace {

using std::string;

string document() {
  std::ifstream file(string(SOURCE_DIR) + "/protocol/PROTOCOL.md");
  std::stringstream out;
  out << file.rdbuf();
  EXPECT_FALSE(out.str().empty());
  return out.str();
}

struct Line {
  string section;  ///< the nearest heading above
  string text;
};

/// The lines inside the ```json fences.
std::vector<Line> examples() {
  std::vector<Line> out;
  std::istringstream in(document());
  string section;
  bool json = false, other = false;
  for (string line; std::getline(in, line);) {
    bool fence = line.rfind("```", 0) == 0;
    if (fence && (json || other))
      json = other = false;
    else if (fence)
      (line == "```json" ? json : other) = true;
    else if (json)
      out.push_back({section, line});
    else if (!other && line.rfind('#', 0) == 0)
      section = line.substr(line.find_first_not_of("# "));
  }
  return out;
}

bool is_reply(const string& line) {
  return line.find("\"result\":") != string::npos || line.find("\"error\":") != string::npos;
}

bool is_batch(const string& line) {
  return line.rfind('[', 0) == 0;
}

bool is_log(const Line& line) {
  return line.text.find("\"method\":\"log\"") != string::npos;
}

bool is_notification(const Line& line) {
  return line.text.find("\"method\":\"event\"") != string::npos || is_log(line);
}

/// The examples as pairs of a request line and its reply line; notifications answer to nothing.
std::vector<std::pair<Line, Line>> pairs() {
  std::vector<std::pair<Line, Line>> out;
  std::vector<Line> all = examples();
  std::erase_if(all, is_notification);
  EXPECT_EQ(all.size() % 2, 0u) << "a request without a reply";
  for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
    EXPECT_FALSE(is_reply(all[i].text)) << all[i].text;
    EXPECT_TRUE(is_reply(all[i + 1].text)) << all[i + 1].text;
    out.emplace_back(all[i], all[i + 1]);
  }
  return out;
}

bool refused(const Line& line) {
  return line.section == "Lines that are refused";
}

/// A result as it is written here, which is what the document must show.
template <class M>
void expect_result_of(const M&, const string& line) {
  auto reply = decode_reply(line);
  ASSERT_TRUE(reply) << line;
  if (reply->error) return;
  auto result = read_as<typename M::Reply>(reply->result);
  ASSERT_TRUE(result) << M::method << ": " << result.error().text();
  EXPECT_EQ(write_as(*result), reply->result);
}

void expect_answers(const string& request_text, const string& reply_line) {
  RequestLine line = decode_requests(request_text);
  ASSERT_EQ(line.items.size(), 1u) << request_text;
  ASSERT_TRUE(std::holds_alternative<Request>(line.items[0]))
      << request_text << ": " << std::get<BadRequest>(line.items[0]).error.message;
  const Request& request = std::get<Request>(line.items[0]);
  std::visit([&](const auto& what) { expect_result_of(what, reply_line); }, request.what);
  auto reply = decode_reply(reply_line);
  ASSERT_TRUE(reply && reply->id);
  EXPECT_EQ(std::to_string(*reply->id), request.id);
  string canonical = std::visit(
      [&](const auto& what) { return request_line(*reply->id, what, line.last ? Last::yes : Last::no); },
      request.what);
  EXPECT_EQ(canonical, request_text + "\n");
}

/// Whether the document has a table row, a heading or a list of words with this as a word of its own.
void expect_word(const string& text, std::string_view word) {
  EXPECT_NE(text.find("`" + string(word) + "`"), string::npos) << "`" << word << "` is not in PROTOCOL.md";
}

TEST(ProtocolDocument, ShowsRequestsAndRepliesAsTheyAreSent) {
  std::size_t tried = 0;
  for (const auto& [request, reply] : pairs()) {
    if (refused(request) || is_batch(request.text)) continue;
    expect_answers(request.text, reply.text);
    ++tried;
  }
  EXPECT_GE(tried, std::variant_size_v<AnyRequest>);
}

TEST(ProtocolDocument, ShowsNotificationsAsTheyAreSent) {
  std::size_t tried = 0;
  for (const Line& line : examples()) {
    if (!is_notification(line) || is_log(line)) continue;
    auto json = decode_event(line.text);
    ASSERT_TRUE(json) << line.text;
    auto event = read_as<AppEvent>(*json);
    ASSERT_TRUE(event) << event.error().text();
    EXPECT_EQ(event_line(*event), line.text + "\n");
    ++tried;
  }
  EXPECT_GE(tried, 3u);
}

TEST(ProtocolDocument, ShowsNewLinesAsTheyAreSent) {
  std::size_t tried = 0;
  for (const Line& line : examples()) {
    if (!is_log(line)) continue;
    auto json = decode_log(line.text);
    ASSERT_TRUE(json) << line.text;
    auto lines = read_as<NewLines>(*json);
    ASSERT_TRUE(lines) << lines.error().text();
    EXPECT_EQ(log_line(*lines), line.text + "\n");
    ++tried;
  }
  EXPECT_GE(tried, 2u);
}

TEST(ProtocolDocument, ExplainsEveryMemberOfARunAndOfAnEvent) {
  string text = document();
  auto look = [&](const char* name, auto, const char*) { expect_word(text, name); };
  RunRecord::fields(look);
  Asker::fields(look);
  Decision::fields(look);
  AppEvent::fields(look);
  NewLines::fields(look);
}

TEST(ProtocolDocument, ShowsABatchThatIsAnsweredAsOne) {
  std::size_t tried = 0;
  for (const auto& [request, reply] : pairs()) {
    if (refused(request) || !is_batch(request.text)) continue;
    ASSERT_EQ(check_json(request.text, kMostDepth, kMostValues), TextCheck::good);
    ASSERT_EQ(check_json(reply.text, kMostDepth, kMostValues), TextCheck::good);
    EXPECT_TRUE(decode_requests(request.text).batch);
    auto requests = array_items(request.text), replies = array_items(reply.text);
    ASSERT_EQ(requests.size(), replies.size());
    for (std::size_t i = 0; i < requests.size(); ++i)
      expect_answers(string(requests[i]), string(replies[i]));
    ++tried;
  }
  EXPECT_GE(tried, 1u);
}

TEST(ProtocolDocument, ShowsRefusalsAsTheyAreSent) {
  std::size_t tried = 0;
  for (const auto& [request, reply] : pairs()) {
    if (!refused(request)) continue;
    RequestLine line = decode_requests(request.text);
    ASSERT_EQ(line.items.size(), 1u) << request.text;
    ASSERT_TRUE(std::holds_alternative<BadRequest>(line.items[0])) << request.text;
    const BadRequest& bad = std::get<BadRequest>(line.items[0]);
    EXPECT_EQ(error_text(bad.id, bad.error), reply.text);
    ++tried;
  }
  EXPECT_GE(tried, 4u);
}

template <std::size_t... I>
std::vector<std::string_view> methods(std::index_sequence<I...>) {
  return {std::variant_alternative_t<I, AnyRequest>::method...};
}

TEST(ProtocolDocument, HasASectionAndAnExampleForEveryMethod) {
  string text = document();
  for (std::string_view method : methods(std::make_index_sequence<std::variant_size_v<AnyRequest>>())) {
    EXPECT_NE(text.find("\n### " + string(method) + "\n"), string::npos) << method;
    EXPECT_NE(text.find("\"method\":\"" + string(method) + "\""), string::npos) << method;
  }
}

TEST(ProtocolDocument, ExplainsEveryReasonAndCode) {
  string text = document();
  for (int i = 0; i <= static_cast<int>(Reason::internal); ++i) {
    string row = "\n| `" + string(word(static_cast<Reason>(i))) + "` |";
    EXPECT_NE(text.find(row), string::npos) << row;
  }
  for (int code : {rpc_code::parse, rpc_code::invalid_request, rpc_code::method_not_found,
                   rpc_code::invalid_params, rpc_code::internal, rpc_code::server})
    EXPECT_NE(text.find("\n| " + std::to_string(code) + " |"), string::npos) << code;
}

TEST(ProtocolDocument, ExplainsEveryMemberOfAStatusAndEveryState) {
  string text = document();
  Status::fields([&](const char* name, auto, const char*) {
    EXPECT_NE(text.find("\n| `" + string(name) + "` |"), string::npos) << name;
  });
  for (const auto& state : kWordsOf<State>)
    expect_word(text, state.word);
}

TEST(ProtocolDocument, ListsEveryFieldOfASpecAndEveryParameter) {
  string text = document();
  for (const Field& field : spec_fields())
    expect_word(text, field.name);
  auto look = [&](const char* name, auto, const char*) { expect_word(text, name); };
  Stop::fields(look);
  RestartRun::fields(look);
  ReloadRun::fields(look);
  Reloaded::fields(look);
  Scale::fields(look);
  SignalRun::fields(look);
  SendMessage::fields(look);
  ShareSocket::fields(look);
  GetLogs::fields(look);
  GetWhy::fields(look);
}

}  // namespace
}  // namespace keeper
