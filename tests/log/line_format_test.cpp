#include "keeper/log/line_format.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

#include "keeper/log/json_escape.hpp"
#include "protocol/base/base64.hpp"
#include "protocol/json/reader.hpp"

namespace keeper {
namespace {

using std::string;

class LineFormat : public testing::Test {
 protected:
  LineFormat() {
    setenv("TZ", "CET-1", 1);
    tzset();
  }
  ~LineFormat() override {
    setenv("TZ", "UTC0", 1);
    tzset();
  }
  const WallTime now = *parse_time("2026-11-20T16:24:00.123Z");
};

using TimeLines = LineFormat;
using JsonLines = LineFormat;

const string kStamp = "2026-11-20T17:24:00.123+01:00";
const string kHead = R"({"t":")" + kStamp + R"(","stream":"out","name":"api","pid":1140,)";

string time_line(const LinePiece& piece, WallTime now) {
  TimeFormat format;
  OutBuffer out;
  format.append(out, piece, now);
  return string(out.bytes());
}

string json_line(const LinePiece& piece, WallTime now) {
  JsonFormat format("api");
  OutBuffer out;
  format.append(out, piece, now, LogStream::out, 1140);
  return string(out.bytes());
}

/// The line with the bytes it was made of, read back.
string bytes_of(const string& line) {
  Json object = tree_of(line);
  if (!object.is_object() || line.back() != '\n' || line.find('\n') != line.size() - 1)
    return "no line: " + line;
  if (object.contains("base64")) return *from_base64(object["base64"].get<string>());
  return object.contains("msg") ? object["msg"].get<string>() : "no msg: " + line;
}

TEST_F(TimeLines, HaveATimeInFront) {
  EXPECT_EQ(time_line({"listening on 80"}, now), kStamp + " listening on 80\n");
  EXPECT_EQ(time_line({""}, now), kStamp + " \n");
  EXPECT_EQ(time_line({{"a\0\xFF\r", 4}}, now), kStamp + " " + string("a\0\xFF\r\n", 5));
}

TEST_F(TimeLines, SayWhatIsOnlyAPieceOfALine) {
  EXPECT_EQ(time_line({"a", true, false}, now), kStamp + " a [partial]\n");
  EXPECT_EQ(time_line({"a", true, true}, now), kStamp + " [continued] a [partial]\n");
  EXPECT_EQ(time_line({"a", false, true}, now), kStamp + " [continued] a\n");
}

TEST_F(TimeLines, TakeAFormatOfTime) {
  TimeFormat format(DateFormat{"%H:%M:%S.%L"});
  OutBuffer out;
  format.append(out, {"a"}, now);
  format.append(out, {"b"}, now + Millis(900));
  EXPECT_EQ(out.bytes(), "17:24:00.123 a\n17:24:01.023 b\n");
}

TEST_F(JsonLines, AreObjects) {
  EXPECT_EQ(json_line({"listening on 80"}, now), kHead + "\"msg\":\"listening on 80\"}\n");
  EXPECT_EQ(json_line({""}, now), kHead + "\"msg\":\"\"}\n");
}

TEST_F(JsonLines, NameStreamInstanceAndProcess) {
  JsonFormat format("api", 2);
  OutBuffer out;
  format.append(out, {"a"}, now, LogStream::err, 7);
  format.append(out, {"b"}, now, LogStream::keeper, 0);
  format.append(out, {"c"}, now + Millis(1), LogStream::out, 8);
  const string t = R"({"t":"2026-11-20T17:24:00.12)";
  EXPECT_EQ(out.bytes(),
            t + R"(3+01:00","stream":"err","name":"api","instance":2,"pid":7,"msg":"a"})" + "\n" +  //
                t + R"(3+01:00","stream":"keeper","name":"api","instance":2,"msg":"b"})" + "\n" +   //
                t + R"(4+01:00","stream":"out","name":"api","instance":2,"pid":8,"msg":"c"})" + "\n");
}

TEST_F(JsonLines, EscapeWhatJsonForbidsAndNothingElse) {
  EXPECT_EQ(json_line({{"\"\\/\b\t\n\v\f\r\0\x1f\x7f", 12}}, now),
            kHead + R"("msg":"\"\\/\b\t\n\u000b\f\r\u0000\u001f)" + "\x7f\"}\n");
  EXPECT_EQ(json_line({"caf\xC3\xA9 \xF0\x9F\x98\x80"}, now),
            kHead + "\"msg\":\"caf\xC3\xA9 \xF0\x9F\x98\x80\"}\n");
}

TEST_F(JsonLines, CarryWhatIsNoUtf8AsBase64) {
  EXPECT_EQ(json_line({"a\xFF"}, now), kHead + "\"base64\":\"Yf8=\"}\n");
  EXPECT_EQ(json_line({"\xED\xA0\x80"}, now), kHead + "\"base64\":\"7aCA\"}\n");
}

TEST_F(JsonLines, CarryEveryByteAtEveryPlace) {
  for (std::size_t size : {1, 7, 15, 16, 17, 33})
    for (std::size_t place = 0; place < size; ++place)
      for (int byte = 0; byte < 256; ++byte) {
        string text(size, 'x');
        text[place] = static_cast<char>(byte);
        ASSERT_EQ(bytes_of(json_line({text}, now)), text) << size << " " << place << " " << byte;
      }
}

TEST_F(JsonLines, KeepAnObjectAsItIs) {
  for (const char* object : {R"({"level":30,"msg":"hi"})", " {\"a\" :\t[1, {}]} \r", "{}"})
    EXPECT_EQ(json_line({object}, now), kHead + "\"data\":" + object + "}\n");
  EXPECT_EQ(json_line({"{}", true, false}, now), kHead + R"("partial":true,"data":{}})" + "\n");
}

TEST_F(JsonLines, TakeWhatOnlyLooksLikeAnObjectForText) {
  string deep = "{\"a\":" + string(64, '[') + string(64, ']') + "}";
  for (const string& text : {string("{"), string("{]"), string("{\"a\":1}}"), string("[1]"), string("7"),
                             string("{\"a\":\"\xFF\"}"), string("{\"a\":01}"), string("{\n}"), deep})
    EXPECT_EQ(bytes_of(json_line({text}, now)), text);
  EXPECT_EQ(json_line({"{}", false, true}, now), kHead + R"("continued":true,"msg":"{}"})" + "\n");
}

TEST_F(JsonLines, SayWhatIsOnlyAPieceOfALine) {
  EXPECT_EQ(json_line({"a", true, false}, now), kHead + R"("partial":true,"msg":"a"})" + "\n");
  EXPECT_EQ(json_line({"a", true, true}, now),
            kHead + R"("partial":true,"continued":true,"msg":"a"})" + "\n");
  EXPECT_EQ(json_line({"\xFF", false, true}, now), kHead + R"("continued":true,"base64":"/w=="})" + "\n");
}

TEST(OutBuffer, KeepsWhatItHasWhenItGrows) {
  OutBuffer out;
  string all;
  for (int i = 0; i < 1000; ++i) {
    string text(static_cast<std::size_t>(i), static_cast<char>('a' + i % 26));
    out.append(text);
    all += text;
  }
  EXPECT_EQ(out.bytes(), all);
  out.clear();
  EXPECT_EQ(out.size(), 0u);
  out.release();
  out.append("again");
  EXPECT_EQ(out.bytes(), "again");
}

TEST(CopyPlain, WritesNothingBeyondTheText) {
  for (std::size_t size = 0; size < 70; ++size) {
    string text(size, 'y'), room(size + 1, '.');
    ASSERT_TRUE(copy_plain(room.data(), text));
    EXPECT_EQ(room, text + ".");
  }
}

}  // namespace
}  // namespace keeper
