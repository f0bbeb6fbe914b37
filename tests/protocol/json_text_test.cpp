#include "protocol/json/reader.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace keeper {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

TextCheck check(std::string_view text) {
  return check_json(text, 64, 10'000);
}

Pairs members(std::string_view text) {
  Pairs out;
  for_each_member(text, [&](std::string_view key, std::string_view value) { out.emplace_back(key, value); });
  return out;
}

Pairs checked_members(std::string_view text, TextCheck expected = TextCheck::good) {
  Pairs out;
  EXPECT_EQ(check_object(text, 64, 10'000,
                         [&](std::string_view key, std::string_view value) { out.emplace_back(key, value); }),
            expected);
  return out;
}

/// Arrays in arrays, `depth` of them.
std::string nested(int depth) {
  return std::string(static_cast<std::size_t>(depth), '[') +
         std::string(static_cast<std::size_t>(depth), ']');
}

/// An array of ones, which has `values` values with itself.
std::string ones(int values) {
  std::string out = "[1";
  for (int i = 2; i < values; ++i)
    out += ",1";
  return out + "]";
}

TEST(JsonText, AcceptsEveryKindOfValue) {
  for (const char* text : {"null",
                           "true",
                           "false",
                           "0",
                           "-0",
                           "7",
                           "-12",
                           "1.5",
                           "1e3",
                           "1E+3",
                           "-0.5e-7",
                           "123456789012345678901234567890",
                           "\"\"",
                           "\"a\"",
                           "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                           "\"\\u00e9\\uD83D\\ude00\"",
                           "\"\xC3\xA9\xF0\x9F\x98\x80\"",
                           "[]",
                           "[ ]",
                           "[1,2]",
                           "{}",
                           "{ }",
                           "{\"a\":1}",
                           " { \"a\" : [ 1 , { \"b\" : null } ] } ",
                           "\t[\r\n]"})
    EXPECT_EQ(check(text), TextCheck::good) << text;
}

TEST(JsonText, RefusesWhatIsNoJson) {
  for (const char* text :
       {"",    " ",       "nul",       "nulll",         "True",        "01",    "-",         "+1",
        ".5",  "1.",      "1e",        "1e+",           "0x1",         "NaN",   "Infinity",  "'a'",
        "\"a", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"",   "\"\\u-123\"", "\"\\",  "\"a\nb\"",  "\"\tb\"",
        "[",   "]",       "[1",        "[1,]",          "[,1]",        "[1 2]", "[1}",       "{",
        "}",   "{\"a\"}", "{\"a\":}",  "{\"a\":1,}",    "{a:1}",       "{1:1}", "{\"a\" 1}", "{} {}",
        "1 2", "//",      "[1]x",      "\xEF\xBB\xBF[]"})
    EXPECT_EQ(check(text), TextCheck::malformed) << text;
}

TEST(JsonText, RefusesSurrogatesThatAreNoPair) {
  for (const char* text : {"\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\ud800\"", "\"\\ud800x\"",
                           "\"\\ud800\\n\"", "\"\\ud800\\u0041\"", "\"\\udfff\\ud800\""})
    EXPECT_EQ(check(text), TextCheck::malformed) << text;
}

TEST(JsonText, RefusesTextThatIsNotUtf8) {
  for (const char* text :
       {"\"\xFF\"", "\"\x80\"", "\"\xC3\"", "\"\xC0\xAF\"", "\"\xE0\x80\x80\"", "\"\xED\xA0\x80\"",
        "\"\xF0\x8F\xBF\xBF\"", "\"\xF4\x90\x80\x80\"", "\"\xF5\x80\x80\x80\"", "\"\xE2\x82"})
    EXPECT_EQ(check(text), TextCheck::malformed) << text;
}

TEST(JsonText, RefusesNulWhereverItStands) {
  for (std::string text : {std::string("[]\0", 3), std::string("\0[]", 3), std::string("[\"\0\"]", 5),
                           std::string("{}\0{", 4), std::string("[1\0]", 4)})
    EXPECT_EQ(check(text), TextCheck::malformed);
  EXPECT_EQ(check("\"\\u0000\""), TextCheck::good);
}

TEST(JsonText, CountsLevelsUpToTheBound) {
  EXPECT_EQ(check(nested(64)), TextCheck::good);
  EXPECT_EQ(check(nested(65)), TextCheck::too_much);
  EXPECT_EQ(check("[" + nested(60) + "," + nested(63) + "]"), TextCheck::good);
  EXPECT_EQ(check("{\"a\":" + nested(64) + "}"), TextCheck::too_much);
}

TEST(JsonText, CountsValuesUpToTheBound) {
  EXPECT_EQ(check(ones(10'000)), TextCheck::good);
  EXPECT_EQ(check(ones(10'001)), TextCheck::too_much);
}

TEST(JsonText, StopsAtABoundWhateverComesThen) {
  EXPECT_EQ(check(std::string(1 << 20, '[')), TextCheck::too_much);
  EXPECT_EQ(check(std::string(65, '[') + "not JSON"), TextCheck::too_much);
}

TEST(JsonText, CutsAnObjectIntoMembersAsTheyAreWritten) {
  EXPECT_EQ(members(R"( { "a" : 1.50 , "b":{"a":[1, "}"]} ,"c":"x\"}," , "d":[ ] } )"),
            (Pairs{{"a", "1.50"}, {"b", R"({"a":[1, "}"]})"}, {"c", R"("x\"},")"}, {"d", "[ ]"}}));
  EXPECT_EQ(members("{}"), Pairs{});
  EXPECT_EQ(members("[1]"), Pairs{});
  EXPECT_EQ(members("7"), Pairs{});
}

TEST(JsonText, UnescapesTheKeysOfMembers) {
  EXPECT_EQ(members(R"({"\u0069d":7,"\"":8,"":9})"), (Pairs{{"id", "7"}, {"\"", "8"}, {"", "9"}}));
}

TEST(JsonText, CutsAnArrayIntoItemsAsTheyAreWritten) {
  EXPECT_EQ(array_items(R"([ 1 ,"a,]", {"b":[2]},[] ])"),
            (std::vector<std::string_view>{"1", R"("a,]")", R"({"b":[2]})", "[]"}));
  EXPECT_TRUE(array_items("[ ]").empty());
  EXPECT_TRUE(array_items("{}").empty());
}

TEST(JsonText, TellsTheKindFromTheFirstCharacter) {
  EXPECT_EQ(kind_of(" \t{"), '{');
  EXPECT_EQ(kind_of("-1"), '-');
  EXPECT_EQ(kind_of(""), '\0');
  EXPECT_EQ(kind_of(" \r\n"), '\0');
}

TEST(JsonText, HasNoTreeOfATextWithNul) {
  EXPECT_TRUE(tree_of(std::string("[]\0x", 4)).is_discarded());
  EXPECT_TRUE(tree_of("[").is_discarded());
  EXPECT_EQ(tree_of("[1]"), Json::array({1}));
}

TEST(Bytes, ThatAreUtf8AreCarriedAsText) {
  for (std::string text : {std::string(), std::string("caf\xC3\xA9"), std::string("a\0b", 3)}) {
    EXPECT_TRUE(carry_bytes(text).is_string());
    std::string back;
    ASSERT_TRUE(read_bytes(carry_bytes(text), back));
    EXPECT_EQ(back, text);
  }
}

TEST(Bytes, ThatAreNotUtf8AreCarriedAsBase64) {
  EXPECT_EQ(carry_bytes("caf\xE9").dump(), R"({"base64":"Y2Fm6Q=="})");
  std::string back;
  ASSERT_TRUE(read_bytes(carry_bytes("caf\xE9"), back));
  EXPECT_EQ(back, "caf\xE9");
}

TEST(Bytes, OfAnotherFormAreRefused) {
  for (const char* text :
       {"1", "null", "[]", "{}", R"({"base64":7})", R"({"base64":"Y2F"})", R"({"base32":"ME"})"}) {
    std::string into = "kept";
    EXPECT_FALSE(read_bytes(tree_of(text), into)) << text;
    EXPECT_FALSE(read_bytes(std::string_view(text), into)) << text;
    EXPECT_EQ(into, "kept");
  }
}

TEST(Bytes, AreReadFromTextWithAndWithoutEscapes) {
  std::string into;
  ASSERT_TRUE(read_bytes(std::string_view(R"("plain \u00e9\n")"), into));
  EXPECT_EQ(into, "plain \xC3\xA9\n");
  ASSERT_TRUE(read_bytes(std::string_view("\"plain\""), into));
  EXPECT_EQ(into, "plain");
}

TEST(JsonText, OneReadingChecksAndFindsTheMembersOfTheOutermostObject) {
  for (const char* text : {" { \"a\" : [ 1 , {\"b\":2} ] , \"c\" : { \"d\" : {} } , \"e\":-1.5e3 } ", "{}",
                           "[{\"a\":1}]", "7", "\"{\"", "{\"\\u0061\\n\":\"\\\"}\",\"a\":null}"})
    EXPECT_EQ(checked_members(text), members(text)) << text;
  EXPECT_EQ(checked_members("{\"a\":1,\"b\":}", TextCheck::malformed), Pairs{});
  EXPECT_EQ(checked_members("{\"a\":" + nested(64) + "}", TextCheck::too_much), Pairs{});
}

}  // namespace
}  // namespace keeper
