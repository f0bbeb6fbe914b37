// What a line of node's channel is.
#include "keeper/node/message.hpp"

#include <gtest/gtest.h>

namespace keeper {
namespace {

using Kind = NodeMessage::Kind;
using std::string;

Kind kind_of_line(std::string_view line) {
  return read_node_message(line).kind;
}

TEST(NodeMessage, OfAProgramIsAnyJsonValue) {
  for (const char* line :
       {R"("ready")", "1", "true", "null", "[1,2]", "{}", R"({"cmd":"go"})", R"({"cmd":"NODE_"})",
        R"({"cmd":7})", R"({"cmd":{"NODE_X":1}})", R"(["NODE_CLUSTER"])", R"({"a":{"cmd":"NODE_X"}})"})
    EXPECT_EQ(Kind::program, kind_of_line(line)) << line;
}

TEST(NodeMessage, WithACommandOfNodeIsNodesOwn) {
  EXPECT_EQ(Kind::handle, kind_of_line(R"({"cmd":"NODE_HANDLE","type":"net.Socket","msg":1})"));
  EXPECT_EQ(Kind::cluster, kind_of_line(R"({"act":"online","cmd":"NODE_CLUSTER","seq":0})"));
  EXPECT_EQ(Kind::internal, kind_of_line(R"({"cmd":"NODE_HANDLE_ACK"})"));
  EXPECT_EQ(Kind::internal, kind_of_line(R"({"cmd":"NODE_\u0041"})"));
  EXPECT_EQ(Kind::program, kind_of_line(R"({"cmd":"NODE_A","cmd":"b"})"))
      << "the last counts, as in JSON.parse";
  EXPECT_TRUE(read_node_message(R"({"cmd":"NODE_A"})").is_nodes_own());
  EXPECT_FALSE(read_node_message("1").is_nodes_own());
}

TEST(NodeMessage, IsReadyOnlyAsThatText) {
  EXPECT_TRUE(read_node_message(R"("ready")").ready);
  for (const char* line : {R"("Ready")", R"({"ready":true})", R"(["ready"])", "ready"})
    EXPECT_FALSE(read_node_message(line).ready) << line;
}

TEST(NodeMessage, ThatIsNoJsonIsRubbish) {
  EXPECT_EQ(Kind::nothing, kind_of_line(""));
  for (const char* line : {"{", "ready", "{\"a\":}", "1 2", "\xff\xfe", "[1,", R"({"cmd":"NODE_HANDLE")"})
    EXPECT_EQ(Kind::rubbish, kind_of_line(line)) << line;
}

TEST(NodeMessage, MayBeAThousandLevelsDeepAndNoDeeper) {
  const auto deep = [](std::size_t levels) { return string(levels, '[') + string(levels, ']'); };
  EXPECT_EQ(Kind::program, kind_of_line(deep(1000)));
  EXPECT_EQ(Kind::rubbish, kind_of_line(deep(1001)));
  EXPECT_EQ(Kind::rubbish, kind_of_line(string(65'000, '[')));
  EXPECT_EQ(Kind::rubbish, kind_of_line(deep(1000).substr(1)));
}

TEST(NodeMessage, OfAUserIsSentAsItIsWhereItIsShapedLikeOne) {
  EXPECT_EQ(R"("shutdown")", node_message_of("shutdown"));
  EXPECT_EQ(R"("shutdown")", node_message_of(R"("shutdown")"));
  EXPECT_EQ(R"({ "type": "stop",  "in": 5 })", node_message_of("{ \"type\": \"stop\",\n \"in\": 5 }"));
  EXPECT_EQ(R"({"in":1e999,"id":12345678901234567890123})",
            node_message_of(R"({"in":1e999,"id":12345678901234567890123})"));
  EXPECT_EQ(R"(["a"])", node_message_of(R"(["a"])"));
  EXPECT_EQ(R"("{stop}")", node_message_of("{stop}"));
  EXPECT_EQ(R"("7")", node_message_of("7"));
  EXPECT_EQ(R"("a\nb")", node_message_of("a\nb"));
}

}  // namespace
}  // namespace keeper
