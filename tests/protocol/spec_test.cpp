#include "protocol/wire/spec.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace keeper {
namespace {

/// A value that is not the default, for every field, as a flag would give it.
const std::map<std::string, std::string, std::less<>> kOther = {
    {"name", "api"},
    {"instance", "2"},
    {"instances", "4"},
    {"program", "/srv/api"},
    {"args", "--port"},
    {"cwd", "/srv"},
    {"env", "A=1=2"},
    {"env_file", ".env"},
    {"clear_env", "true"},
    {"guard", "false"},
    {"stdin", "pipe"},
    {"unbuffered", "false"},
    {"ipc", "false"},
    {"cluster", "true"},
    {"listen_mode", "reuseport"},
    {"stop_message", "shutdown"},
    {"environment", "PATH=/bin"},
    {"interpreter", "/usr/bin/node"},
    {"interpreter_args", "--inspect"},
    {"user", "web:staff"},
    {"run_as", "web:1000:50:33,50:/home/web:/bin/sh"},
    {"umask", "027"},
    {"nice", "-5"},
    {"oom_score_adj", "-900"},
    {"limits", "core=unlimited,nofile=1024:65535,as=512M"},
    {"inherit_fds", "3,7"},
    {"listen", "web=tcp:127.0.0.1:8080"},
    {"lazy", "true"},
    {"inspect", "9229"},
    {"restart_on_change", "true"},
    {"restart", "on-failure"},
    {"exit_codes", "0,2,10-19,SIGTERM"},
    {"start_secs", "1500ms"},
    {"start_retries", "3"},
    {"max_restarts", "5"},
    {"restart_window", "1m"},
    {"restart_delay", "2s"},
    {"backoff", "1s..5s"},
    {"ready", "tcp:8080"},
    {"ready_timeout", "5s"},
    {"watchdog", "10s"},
    {"stop_signal", "INT,TERM"},
    {"stop_timeout", "3s"},
    {"kill_timeout", "1s"},
    {"kill_mode", "tree"},
    {"log", "/var/log/api.log"},
    {"error_log", "/var/log/api.err.log"},
    {"log_format", "json"},
    {"log_date_format", "%F %T.%L"},
    {"log_join", "^[0-9]"},
    {"log_max_total", "100M"},
    {"log_compress", "true"},
    {"log_buffer", "1M"},
    {"log_full", "block"},
    {"log_syslog", "udp:[::1]:514"},
    {"log_syslog_addresses", "::1"},
    {"log_max_size", "10M"},
    {"log_backups", "3"},
    {"log_markers", "false"},
    {"pid_file", "/run/api.pid"},
};

Spec with(const Field& field, std::string_view text) {
  Spec spec;
  Done done = field.set(spec, text);
  EXPECT_TRUE(done) << field.name << ": " << done.error().text();
  return spec;
}

/// `field` set to its value in kOther.
Spec other(const Field& field) {
  auto value = kOther.find(field.name);
  if (value == kOther.end()) {
    ADD_FAILURE() << "no value for " << field.name << " in kOther";
    return {};
  }
  return with(field, value->second);
}

const Field& field_named(std::string_view name) {
  auto fields = spec_fields();
  return *std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
}

Result<Spec> parse_member(const std::string& name, const std::string& value) {
  return parse_spec("{\"" + name + "\":" + value + "}");
}

void expect_refused(const std::string& name, const std::string& value) {
  auto spec = parse_member(name, value);
  ASSERT_FALSE(spec) << name << " " << value;
  EXPECT_EQ(spec.error().reason, Reason::invalid);
  EXPECT_EQ(spec.error().text().find(name + ": "), 0u) << spec.error().text();
}

TEST(Spec, WritesEveryFieldOfTheListOnce) {
  Spec all;
  for (const Field& field : spec_fields())
    ASSERT_TRUE(field.set(all, kOther.at(std::string(field.name))));
  EXPECT_EQ(spec_to_json(all).size(), spec_fields().size());
  EXPECT_EQ(spec_fields().size(), kOther.size());
}

TEST(Spec, AtItsDefaultsIsAnEmptyObject) {
  EXPECT_EQ(spec_to_json(Spec()).dump(), "{}");
  EXPECT_EQ(*parse_spec("{}"), Spec());
}

TEST(Spec, CarriesEveryFieldThroughJson) {
  for (const Field& field : spec_fields()) {
    Spec spec = other(field);
    EXPECT_FALSE(field.same(spec, Spec())) << field.name;
    Json json = spec_to_json(spec);
    EXPECT_EQ(json.size(), 1u) << json;
    EXPECT_TRUE(json.contains(std::string(field.name))) << json;
    auto back = spec_from_json(json);
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(*back, spec) << field.name;
  }
}

TEST(Spec, CarriesAllFieldsTogetherThroughItsText) {
  Spec all;
  for (const Field& field : spec_fields())
    ASSERT_TRUE(field.set(all, kOther.at(std::string(field.name))));
  auto back = parse_spec(spec_text(all));
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(*back, all);
}

TEST(Spec, CarriesBytesThatAreNotUtf8) {
  Spec spec;
  spec.program = "/srv/caf\xE9";
  spec.cwd = "/srv/\xFF";
  spec.args = {"\xE9", "plain"};
  spec.env = {{"A", "\xFE"}};
  spec.environment = {"LANG=\xC0"};
  spec.log = "/var/log/\x80.log";
  auto back = parse_spec(spec_text(spec));
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(*back, spec);
}

TEST(Spec, CarriesASignalThatHasNoName) {
  Spec spec;
  spec.stop_signal = {32, SIGRTMIN + 1};
  EXPECT_EQ(*parse_spec(spec_text(spec)), spec);
}

TEST(Spec, TextIsIndentedAndEndsWithANewline) {
  Spec spec;
  spec.name = "api";
  EXPECT_EQ(spec_text(spec), "{\n  \"name\": \"api\"\n}\n");
}

TEST(Spec, IgnoresMembersThatItDoesNotKnow) {
  auto spec = parse_spec(R"({"name":"api","colour":"blue","deep":{"er":[1,{}]},"nothing":null})");
  ASSERT_TRUE(spec) << spec.error().text();
  EXPECT_EQ(spec->name, "api");
}

TEST(Spec, NamesTheFieldOfAWrongType) {
  for (const Field& field : spec_fields()) {
    expect_refused(std::string(field.name), field.name == "env" ? "[1]" : "{\"a\":{}}");
    expect_refused(std::string(field.name), "[[]]");
  }
}

TEST(Spec, NamesTheFieldOfAWrongValue) {
  const std::pair<const char*, const char*> bad[] = {
      {"instance", "-1"},
      {"instances", "\"many\""},
      {"clear_env", "\"maybe\""},
      {"restart", "\"sometimes\""},
      {"exit_codes", "\"x\""},
      {"start_secs", "\"soon\""},
      {"start_retries", "1.5"},
      {"max_restarts", "-3"},
      {"restart_window", "\"\""},
      {"backoff", "\"5s..1s\""},
      {"stop_signal", "\"FOO\""},
      {"stop_timeout", "-1"},
      {"ready", "\"frob\""},
      {"ready", "[]"},
      {"ready", "null"},
      {"ready", R"(["notify", "notify"])"},
      {"ready", R"(["log:("])"},
      {"ready_timeout", "0"},
      {"watchdog", "0"},
      {"log_max_size", "\"big\""},
      {"log_max_size", "50"},
      {"log_max_size", "\"1000\""},
      {"log_backups", "2000000000"},
      {"log_format", "\"xml\""},
      {"log_date_format", "\"\""},
      {"log_date_format", "\"%n\""},
      {"log_join", "\"(\""},
      {"log_max_total", "100"},
      {"log_compress", "\"gzip\""},
      {"log_buffer", "\"1K\""},
      {"log_buffer", "\"2G\""},
      {"log_full", "\"wait\""},
      {"log_syslog", "\"tcp:host:514\""},
      {"log_markers", "2"},
      {"instances", "null"},
      {"env", "{\"A=B\":\"1\"}"},
      {"env", "{\"\":\"1\"}"},
      {"args", "[1]"},
      {"umask", "\"999\""},
      {"umask", "\"1777\""},
      {"umask", "-1"},
      {"umask", "\"\""},
      {"nice", "40"},
      {"nice", "-21"},
      {"nice", "1.5"},
      {"oom_score_adj", "1001"},
      {"oom_score_adj", "-1001"},
      {"limits", "\"x\""},
      {"limits", "{\"nofile\":\"many\"}"},
      {"limits", "{\"files\":1}"},
      {"limits", "[\"nofile=1\"]"},
      {"inherit_fds", "[2]"},
      {"inherit_fds", "[3.5]"},
      {"inherit_fds", "\"3,\""},
      {"listen", "\"8080\""},
      {"listen", "[\"tcp:80\",\"web=tcp:80\"]"},
      {"listen", "[1]"},
      {"lazy", "\"perhaps\""},
      {"inspect", "0"},
      {"stop_message", "\"\""},
      {"inspect", "65536"},
      {"kill_mode", "\"all\""},
      {"restart_on_change", "\"often\""},
  };
  for (const auto& [name, value] : bad)
    expect_refused(name, value);
}

TEST(Spec, RefusesTextsWithNul) {
  // A program would be given what stands before the NUL.
  expect_refused("program", R"("/srv/api\u0000x")");
  expect_refused("args", R"(["a\u0000b"])");
  expect_refused("env", R"({"A":"\u0000"})");
  expect_refused("cwd", R"({"base64":"AAAA"})");
}

TEST(Spec, RefusesWhatIsNoObject) {
  for (const char* text : {"", "nonsense", "[]", "7", "{", "{}x", "null"}) {
    auto spec = parse_spec(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_EQ(spec.error().reason, Reason::invalid);
  }
  EXPECT_FALSE(parse_spec(std::string_view("{}\0", 3)));
}

TEST(Spec, TakesNumbersForDurationsSizesAndCounts) {
  EXPECT_EQ(parse_member("stop_timeout", "3")->stop_timeout, std::chrono::seconds(3));
  EXPECT_EQ(parse_member("start_secs", "0.5")->start_secs, Millis(500));
  EXPECT_EQ(parse_member("log_max_size", "1024")->log_max_size, 1024u);
  EXPECT_EQ(parse_member("max_restarts", "7")->max_restarts, 7);
  EXPECT_EQ(parse_member("max_restarts", "\"7\"")->max_restarts, 7);
}

TEST(Spec, TakesNullForAValueThatNeedNotBe) {
  EXPECT_EQ(parse_member("max_restarts", "null")->max_restarts, std::nullopt);
  EXPECT_EQ(parse_member("restart_window", "null")->restart_window, std::nullopt);
}

TEST(Spec, TakesTheWordsOfOtherSupervisorsForRestart) {
  EXPECT_EQ(parse_member("restart", "true")->restart, Restart::always);
  EXPECT_EQ(parse_member("restart", "false")->restart, Restart::never);
  EXPECT_EQ(parse_member("restart", "\"unexpected\"")->restart, Restart::on_failure);
}

TEST(Spec, TakesEveryWordForTrueAndFalse) {
  for (const char* yes : {"", "true", "yes", "on", "1"})
    EXPECT_TRUE(with(field_named("clear_env"), yes).clear_env);
  for (const char* no : {"false", "no", "off", "0"})
    EXPECT_FALSE(with(field_named("log_markers"), no).log_markers);
}

TEST(Spec, AddsToAListWhenItIsGivenAgain) {
  Spec spec;
  ASSERT_TRUE(field_named("env").set(spec, "A=1"));
  ASSERT_TRUE(field_named("env").set(spec, "B="));
  ASSERT_TRUE(field_named("env").set(spec, "A=2"));
  EXPECT_EQ(spec.env, (std::map<std::string, std::string>{{"A", "2"}, {"B", ""}}));
  EXPECT_FALSE(field_named("env").set(spec, "novalue"));
  EXPECT_FALSE(field_named("env").set(spec, "=x"));
  EXPECT_TRUE(field_named("env").many);
  EXPECT_TRUE(field_named("ready").many);
  EXPECT_FALSE(field_named("stop_signal").many);
}

TEST(Spec, FieldsHaveNamesOfTheirOwnAndFlagsHaveHelp) {
  std::vector<std::string> flags;
  for (const Field& field : spec_fields())
    flags.push_back(flag_of(field));
  std::sort(flags.begin(), flags.end());
  EXPECT_EQ(std::adjacent_find(flags.begin(), flags.end()), flags.end());
  EXPECT_EQ(flag_of(field_named("max_restarts")), "--max-restarts");
  EXPECT_EQ(flag_of(field_named("limits")), "--limit");
}

TEST(SpecDifferences, ShowBothValues) {
  Spec before, after;
  after.stop_timeout = std::chrono::seconds(3);
  after.max_restarts = 5;
  after.env = {{"A", "1"}};
  EXPECT_EQ(
      spec_differences(before, after),
      (std::vector<std::string>{"env: A changed", "max_restarts: none -> 5", "stop_timeout: 10s -> 3s"}));
  EXPECT_TRUE(spec_differences(after, after).empty());
}

TEST(SpecDifferences, NameVariablesWithoutTheirValues) {
  Spec before, after;
  before.env = {{"A", "1"}, {"GONE", "x"}, {"TOKEN", "old"}};
  after.env = {{"A", "1"}, {"NEW", "y"}, {"TOKEN", "new"}};
  EXPECT_EQ(spec_differences(before, after), std::vector<std::string>{"env: GONE, NEW, TOKEN changed"});
}

TEST(SpecDifferences, DoNotShowTheEnvironment) {
  Spec before, after;
  after.environment = {"SECRET=1"};
  EXPECT_EQ(spec_differences(before, after), std::vector<std::string>{"environment: changed"});
}

TEST(SpecDifferences, SeeEveryField) {
  for (const Field& field : spec_fields()) {
    auto lines = spec_differences(Spec(), other(field));
    bool derived = field.name == "run_as" || field.name == "log_syslog_addresses";
    ASSERT_EQ(lines.size(), derived ? 0u : 1u) << field.name;
    if (derived) continue;
    EXPECT_EQ(lines[0].find(std::string(field.name) + ": "), 0u) << lines[0];
  }
}

TEST(Backoff, IsARangeOrNone) {
  EXPECT_EQ(*Backoff::parse("100ms..30s"), Backoff());
  EXPECT_EQ(*Backoff::parse("2s"), (Backoff{Millis(2000), Millis(2000)}));
  EXPECT_TRUE(Backoff::parse("none")->none());
  EXPECT_EQ(Backoff::parse("none")->text(), "none");
  EXPECT_EQ(Backoff::parse("1..60")->text(), "1s..1m");
}

TEST(Backoff, ThatIsNoneIsRefusedWithAnExample) {
  for (const char* text :
       {"", "..", "1s..", "..1s", "5s..1s", "0..1s", "0", "1s..2s..3s", "1s.2s", "-1s..1s", "soon"}) {
    auto backoff = Backoff::parse(text);
    ASSERT_FALSE(backoff) << text;
    EXPECT_NE(backoff.error().text().find("'" + std::string(text) + "'"), std::string::npos);
    EXPECT_NE(backoff.error().text().find("100ms..30s"), std::string::npos);
  }
}

TEST(Name, IsLettersDigitsDotsDashesAndUnderscores) {
  for (const char* name : {"a", "api", "api-2", "my_app.v1", "A1", "1a", "_x", "all2", "ALL", "0.1"})
    EXPECT_TRUE(check_name(name)) << name;
  EXPECT_TRUE(check_name(std::string(64, 'x')));
}

TEST(Name, ThatBreaksTheRuleIsRefusedAndTheRuleSaid) {
  const std::pair<std::string, const char*> bad[] = {
      {"", "empty"},
      {std::string(65, 'x'), "64"},
      {".x", "begins with '.'"},
      {"-x", "begins with '-'"},
      {"123", "pid"},
      {"all", "every app"},
      {"a b", "A-Z"},
      {"a/b", "A-Z"},
      {"a:1", "A-Z"},
      {"caf\xC3\xA9", "A-Z"},
      {"a\n", "A-Z"},
      {std::string("a\0", 2), "A-Z"},
      {"..", "begins with"},
  };
  for (const auto& [name, rule] : bad) {
    Done done = check_name(name);
    ASSERT_FALSE(done) << name;
    EXPECT_EQ(done.error().reason, Reason::invalid);
    EXPECT_NE(done.error().text().find(rule), std::string::npos) << done.error().text();
    EXPECT_NE(done.error().text().find("'" + name + "'"), std::string::npos) << done.error().text();
  }
}

TEST(LegalName, KeepsANameThatIsLegal) {
  for (const char* name : {"api", "my_app.v1", "1a"})
    EXPECT_EQ(legal_name(name), name);
}

TEST(LegalName, IsAlwaysLegal) {
  std::vector<std::string> wishes = {"",
                                     "all",
                                     "123",
                                     ".x",
                                     "-x",
                                     "a b",
                                     "caf\xC3\xA9",
                                     "..",
                                     "a:1",
                                     "\xFF",
                                     std::string(300, '7'),
                                     std::string(300, 'x'),
                                     std::string(3, '\0')};
  for (int c = 0; c < 256; ++c)
    wishes.emplace_back(1, static_cast<char>(c));
  for (const std::string& wish : wishes) {
    Done done = check_name(legal_name(wish));
    EXPECT_TRUE(done) << done.error().text();
  }
  EXPECT_EQ(legal_name("a b"), "a-b");
  EXPECT_EQ(legal_name("123"), "app-123");
  EXPECT_EQ(legal_name(""), "app");
}

TEST(FileStem, CarriesTheNumberOfFurtherInstancesOnly) {
  EXPECT_EQ(file_stem("api", 0), "api");
  EXPECT_EQ(file_stem("api", 2), "api:2");
}

}  // namespace
}  // namespace keeper
