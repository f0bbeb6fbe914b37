// What has to be shown before a run counts as ready: as users write it, and as it is carried in a spec.
#include "protocol/wire/readiness.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "protocol/wire/spec.hpp"

namespace keeper {
namespace {

using std::string;
using Kind = ReadyCondition::Kind;
using Texts = std::vector<string>;

ReadyCondition good(const string& text) {
  auto condition = ReadyCondition::parse(text);
  EXPECT_TRUE(condition) << text << ": " << condition.error().text();
  if (!condition) return {};
  EXPECT_EQ(text, condition->text);
  return *condition;
}

/// The text of the error has every one of these in it.
void expect_refused(const string& text, const Texts& hints) {
  auto condition = ReadyCondition::parse(text);
  ASSERT_FALSE(condition) << text;
  for (const string& hint : hints)
    EXPECT_NE(string::npos, condition.error().text().find(hint)) << condition.error().text();
}

struct Where {
  string text, host;
  int port;
  string path;
};

TEST(ReadyCondition, IsAWordWithoutAnArgument) {
  EXPECT_EQ(Kind::secs, good("secs").kind);
  EXPECT_EQ(Kind::notify, good("notify").kind);
}

TEST(ReadyCondition, IsADescriptorOfTheChild) {
  EXPECT_EQ(Kind::fd, good("fd:3").kind);
  EXPECT_EQ(3, good("fd:3").fd);
  EXPECT_EQ(1023, good("fd:1023").fd);
}

TEST(ReadyCondition, IsAPortThatTakesConnections) {
  const Where all[] = {{"tcp:8080", "127.0.0.1", 8080, ""},
                       {"tcp:10.0.0.1:1", "10.0.0.1", 1, ""},
                       {"tcp:localhost:65535", "localhost", 65535, ""},
                       {"tcp:[::1]:80", "::1", 80, ""},
                       {"tcp:[fe80::1:2]:80", "fe80::1:2", 80, ""}};
  for (const Where& where : all) {
    ReadyCondition c = good(where.text);
    EXPECT_EQ(Kind::tcp, c.kind) << where.text;
    EXPECT_EQ(where.host, c.host) << where.text;
    EXPECT_EQ(where.port, c.port) << where.text;
  }
}

TEST(ReadyCondition, IsAnAddressOfTheWeb) {
  const Where all[] = {{"http:8080", "127.0.0.1", 8080, "/"},
                       {"http:8080/", "127.0.0.1", 8080, "/"},
                       {"http:8080/a/b?c=d:e", "127.0.0.1", 8080, "/a/b?c=d:e"},
                       {"http:8080?full", "127.0.0.1", 8080, "/?full"},
                       {"http://10.0.0.1:81/x", "10.0.0.1", 81, "/x"},
                       {"http://localhost", "localhost", 80, "/"},
                       {"http://localhost/health", "localhost", 80, "/health"},
                       {"http://[::1]/health", "::1", 80, "/health"},
                       {"http://[::1]:90", "::1", 90, "/"},
                       {"http:http://localhost:81/x", "localhost", 81, "/x"}};
  for (const Where& where : all) {
    ReadyCondition c = good(where.text);
    EXPECT_EQ(Kind::http, c.kind) << where.text;
    EXPECT_EQ(where.host, c.host) << where.text;
    EXPECT_EQ(where.port, c.port) << where.text;
    EXPECT_EQ(where.path, c.argument) << where.text;
  }
}

TEST(ReadyCondition, IsACommandOrAnExpressionAsItStands) {
  EXPECT_EQ("curl -fs http://x:1/ | grep -q ok", good("cmd:curl -fs http://x:1/ | grep -q ok").argument);
  EXPECT_EQ("^listening: [0-9]{1,5}$", good("log:^listening: [0-9]{1,5}$").argument);
  EXPECT_EQ(Kind::log, good("log:\xC3\xA9\\.").kind);
}

TEST(ReadyCondition, ThatIsUnknownIsRefusedWithAllThereAre) {
  for (const char* text : {"", "frob", "SECS", "secs:", "secs:3", "notify:1", "fd", "tcp", "http", "cmd",
                           "log", ":", " secs", "notify,secs"})
    expect_refused(text, {"'" + string(text) + "'",
                          "secs, notify, node, fd:N, tcp:PORT, http:URL, cmd:COMMAND or log:REGEX"});
}

TEST(ReadyCondition, OfNodeHasNoArgument) {
  auto node = ReadyCondition::parse("node");
  ASSERT_TRUE(node) << node.error().text();
  EXPECT_EQ(ReadyCondition::Kind::node, node->kind);
  expect_refused("node:ready", {"'node:ready'", "secs, notify, node, fd:N"});
}

TEST(ReadyCondition, WithABadArgumentIsRefusedWithWhatWouldBeRight) {
  for (const char* text : {"fd:", "fd:x", "fd:1", "fd:2", "fd:-1", "fd:1024", "fd:3 "})
    expect_refused(text, {"'" + string(text) + "'", "from 3 to 1023"});
  for (const char* text :
       {"tcp:", "tcp:0", "tcp:99999", "tcp:x", "tcp:80x", "tcp:1.2.3.4:", "tcp:localhost:0"})
    expect_refused(text, {"'" + string(text) + "'", "tcp:PORT, tcp:HOST:PORT", "from 1 to 65535"});
  for (const char* text : {"tcp:[::1]", "tcp:[::1", "tcp:[::1]80", "tcp::80", "tcp:[]:80"})
    expect_refused(text, {"'" + string(text) + "'", "tcp:PORT, tcp:HOST:PORT or tcp:[V6]:PORT"});
  for (const char* text :
       {"http:", "http://", "http:/x", "http:x", "http:localhost:80/", "http:0", "http:///x"})
    expect_refused(text, {"'" + string(text) + "'", "http://HOST:PORT/PATH, http:PORT/PATH or http:PORT"});
  for (const char* text : {"cmd:", "cmd:  "})
    expect_refused(text, {"cmd:COMMAND"});
  expect_refused("log:", {"log:EXPRESSION"});
}

TEST(ReadyCondition, WithANameThatNobodyLooksUpIsRefusedWithTheReason) {
  for (const char* text : {"tcp:db:5432", "http://example.com/x", "tcp:999.1.1.1:80", "http://a@127.0.0.1/"})
    expect_refused(text, {"no numeric address", "not looked up"});
  expect_refused("tcp:::1:80", {"brackets", "[::1]"});
}

TEST(ReadyCondition, DoesNotPromiseEncryption) {
  for (const char* text : {"https://localhost/", "http:https://localhost/", "https:8080"})
    expect_refused(text, {"no https", "cmd:curl"});
}

TEST(ReadyCondition, CannotSmuggleAnythingIntoARequest) {
  for (const char* text :
       {"http:80/a b", "http:80/\r\nX: y", "http:80/caf\xC3\xA9", "http:80/a#b", "http:80#b"})
    expect_refused(text, {"%20"});
}

TEST(ReadyCondition, WithABadExpressionIsRefusedInTheWordsOfTheLibrary) {
  expect_refused("log:(", {"'log:('", "Unmatched ("});
  expect_refused("log:[a", {"POSIX extended", "Unmatched ["});
  expect_refused("log:*{2}{x", {"'log:*{2}{x'"});
}

TEST(ReadyCondition, WithABracketThatClosesNothingIsRefused) {
  for (const char* text :
       {"log:a)", "log:a)|(b", "log:(a))", "log:[(]a)", "log:[]()]a)", "log:[^])]a)", "log:[[:alpha:](]a)"})
    expect_refused(text, {") without its ("});
  for (const char* text : {"log:(a|b)", "log:a\\)", "log:[)]", "log:[])]", "log:[^])]", "log:[[:digit:])]",
                           "log:\\[(a)", "log:[a\\]()"})
    good(text);
}

TEST(ReadyCondition, WithAnExpressionThatCouldBlockOrGrowIsRefused) {
  expect_refused("log:(a*)*\\1", {"can take for ever"});
  good("log:\\\\1 is no reference");
  for (const string& text :
       {string("((a{1,255}){255}){255}"), string("(a{200,}){30000}"), "a" + string(20, '+'),
        string("a{32}{32}{32}"), string("a{600}+"), string("[a+]{,1000}"),
        string("(((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+"), string(1001, 'a'), string("(a?+){9,}{9,9}"),
        string("((a?+)+)+{9}"), string("()+++++"), "a" + string(30, '*')})
    expect_refused("log:" + text, {"1000 pieces"});
  good(
      "log:^[0-9]+-[0-9]+-[0-9]+ [0-9]+:[0-9]+:[0-9]+,[0-9]+ +INFO +[a-z.]+ +- +port +[0-9]{1,5}( "
      "\\([^)]+\\))?$");
  expect_refused("cmd:" + string(5000, 'a'), {"4096"});
  EXPECT_FALSE(ReadyCondition::parse(std::string_view("log:a\0b", 7)));
}

Readiness of(const Texts& texts) {
  Readiness out;
  for (const string& text : texts) {
    Done done = out.add(text);
    EXPECT_TRUE(done) << done.error().text();
  }
  return out;
}

TEST(Readiness, IsSecsWhereNothingIsGiven) {
  Readiness nothing;
  EXPECT_TRUE(nothing.secs());
  EXPECT_TRUE(nothing.events().empty());
  EXPECT_EQ(Texts{"secs"}, nothing.texts());
  EXPECT_EQ(nothing, of({"secs"}));
}

TEST(Readiness, IsWhatIsGivenAndNothingElse) {
  Readiness ready = of({"notify", "tcp:80"});
  EXPECT_FALSE(ready.secs());
  EXPECT_FALSE(ready.has(Kind::secs));
  ASSERT_EQ(2u, ready.events().size());
  EXPECT_EQ("tcp:80", ready.events()[1].text);
  EXPECT_TRUE(ready.has(Kind::notify));
  EXPECT_FALSE(ready.has(Kind::http));
  EXPECT_EQ((Texts{"secs", "notify"}), of({"notify", "secs"}).texts());
  EXPECT_NE(of({"notify", "secs"}), of({"notify"}));
}

TEST(Readiness, TakesNothingTwice) {
  for (const auto& [one, two] : {std::pair("secs", "secs"), std::pair("notify", "notify"),
                                 std::pair("fd:3", "fd:03"), std::pair("http:80", "http://127.0.0.1/")}) {
    Readiness ready = of({one});
    Done done = ready.add(two);
    ASSERT_FALSE(done) << two;
    EXPECT_NE(string::npos, done.error().text().find("given twice"));
    EXPECT_EQ(ready, of({one}));
  }
}

TEST(Readiness, HasOneDescriptorAtMost) {
  Readiness ready = of({"fd:3"});
  EXPECT_FALSE(ready.add("fd:4"));
}

TEST(Readiness, IsEightConditionsAtMost) {
  Readiness ready = of({"secs", "fd:3", "tcp:4", "tcp:5", "tcp:6", "tcp:7", "tcp:8", "tcp:9"});
  Done done = ready.add("notify");
  ASSERT_FALSE(done);
  EXPECT_NE(string::npos, done.error().text().find("8"));
}

TEST(Readiness, IsOneTextOrAListInASpec) {
  Spec one, two;
  one.ready = of({"log:\xE9"});
  two.ready = of({"notify", "tcp:80"});
  EXPECT_EQ(R"({"ready":["notify","tcp:80"]})", spec_to_json(two).dump());
  EXPECT_EQ(one, *parse_spec(spec_text(one)));
  EXPECT_EQ(two, *parse_spec(spec_text(two)));
  EXPECT_EQ(of({"notify"}), parse_spec(R"({"ready":"notify"})")->ready);
  EXPECT_EQ(of({"notify"}), parse_spec(R"({"ready":["notify"]})")->ready);
  EXPECT_EQ(Texts{"ready: secs -> notify tcp:80"}, spec_differences(Spec(), two));
}

}  // namespace
}  // namespace keeper
