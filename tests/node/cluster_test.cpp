// What a worker of node's cluster module says, and what it is answered.
#include "keeper/node/cluster.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "protocol/json/reader.hpp"

namespace keeper {
namespace {

using Act = WorkerMessage::Act;
using Kind = SocketWish::Kind;
using std::string;

WorkerMessage query(const string& members) {
  auto out = read_worker_message(
      R"({"cmd":"NODE_CLUSTER","act":"queryServer","index":0,"data":null,"seq":1)" + members + "}");
  EXPECT_TRUE(out) << members;
  return out.value_or(WorkerMessage{});
}

TEST(WorkerMessage, OfNode20ThatListensIsAQuery) {
  const WorkerMessage q = query(R"(,"address":null,"port":18080,"addressType":4,"backlog":0)");
  EXPECT_EQ(Act::query, q.act);
  EXPECT_EQ(1u, q.seq);
  EXPECT_EQ("null:18080:4:undefined:0", q.key);
  EXPECT_EQ("null", q.data);
  SocketWish wish;
  wish.port = 18080;
  EXPECT_EQ(wish, q.wish);
}

TEST(WorkerMessage, SaysWhatKindOfSocketIsWanted) {
  const WorkerMessage v6 = query(R"(,"address":"::1","port":80,"addressType":6,"flags":1,"backlog":7)");
  EXPECT_TRUE(v6.wish.v6 && v6.wish.only_v6);
  EXPECT_EQ("::1", v6.wish.address);
  EXPECT_EQ(7, v6.wish.backlog);
  const WorkerMessage local = query(R"(,"address":"/run/x","port":-1,"addressType":-1)");
  EXPECT_EQ(Kind::local, local.wish.kind);
  EXPECT_EQ("/run/x", local.wish.address);
  const WorkerMessage udp =
      query(R"(,"address":"127.0.0.1","port":53,"addressType":"udp4","fd":-1,"flags":4)");
  EXPECT_EQ(Kind::udp, udp.wish.kind);
  EXPECT_TRUE(udp.wish.reuse_address);
  EXPECT_EQ(3, query(R"(,"address":null,"port":null,"addressType":null,"fd":3)").wish.number);
}

TEST(WorkerMessage, WithoutANumberIsNone) {
  for (const char* line :
       {"{}", R"({"act":"queryServer"})", R"({"act":"queryServer","seq":-1})", R"({"seq":"1"})"})
    EXPECT_FALSE(read_worker_message(line)) << line;
}

TEST(WorkerMessage, ThatIsNotUnderstoodIsRefused) {
  for (const char* members :
       {R"(,"address":null,"port":65536,"addressType":4)", R"(,"address":null,"port":-1,"addressType":-1)",
        R"(,"address":"::","port":"http","addressType":"udp6")", R"(,"port":"-1","addressType":"udp4")"}) {
    const WorkerMessage q = query(members);
    EXPECT_EQ(Act::refused, q.act) << members;
    EXPECT_EQ(EINVAL, q.error);
    EXPECT_EQ(1, tree_of(refusal(q, q.error))["ack"]) << "node waits for that";
  }
  const auto newer = read_worker_message(R"({"cmd":"NODE_CLUSTER","act":"queryWeather","seq":7})");
  ASSERT_TRUE(newer);
  EXPECT_EQ(Act::refused, newer->act);
  EXPECT_EQ(ENOSYS, newer->error);
  for (const char* act : {"online", "listening"})
    EXPECT_EQ(Act::other, read_worker_message(R"({"seq":0,"act":")" + string(act) + R"("})")->act);
  EXPECT_EQ(Act::exits, read_worker_message(R"({"act":"exitedAfterDisconnect","seq":4})")->act);
}

TEST(WorkerMessage, APortOfDatagramsMayBeAText) {
  const WorkerMessage q = query(R"(,"address":"0.0.0.0","port":"28126","addressType":"udp4","fd":-1)");
  EXPECT_EQ(Act::query, q.act);
  EXPECT_EQ(28126, q.wish.port);
  EXPECT_EQ(query(R"(,"address":"0.0.0.0","port":28126,"addressType":"udp4","fd":-1)").key, q.key);
  for (const char* none : {"", R"(,"port":null)", R"(,"port":"")"}) {
    const WorkerMessage any = query(R"(,"address":"::1","addressType":"udp6","fd":-1)" + string(none));
    EXPECT_EQ(Act::query, any.act) << none;
    EXPECT_EQ(0, any.wish.port);
  }
}

TEST(WorkerMessage, ThatAServerWasClosedNamesIt) {
  const WorkerMessage q = query(R"(,"address":"/run/x","port":-1,"addressType":-1)");
  const auto closed = read_worker_message(Json{{"act", "close"}, {"key", q.key}, {"seq", 9}}.dump());
  EXPECT_EQ(Act::closes, closed->act);
  EXPECT_EQ(q.key, closed->key);
  EXPECT_EQ(Act::leaves, read_worker_message(R"({"act":"leaves","seq":0})")->act);
}

TEST(WorkerMessage, IsAnsweredAsNodesPrimaryAnswers) {
  const WorkerMessage q = query(R"(,"address":null,"port":80,"addressType":4)");
  const Json handle = tree_of(socket_answer(q, R"({"ticketKeys":"ab"})"));
  EXPECT_EQ("NODE_HANDLE", handle["cmd"]);
  EXPECT_EQ("net.Native", handle["type"]);
  EXPECT_EQ(1, handle["msg"]["ack"]);
  EXPECT_EQ("NODE_CLUSTER", handle["msg"]["cmd"]);
  EXPECT_EQ(q.key, handle["msg"]["key"]);
  EXPECT_EQ("ab", handle["msg"]["data"]["ticketKeys"]);
  const Json refused = tree_of(refusal(q, EADDRINUSE));
  EXPECT_EQ(-EADDRINUSE, refused["errno"]);
  EXPECT_EQ(1, refused["ack"]);
  EXPECT_EQ("dgram.Native",
            tree_of(socket_answer(query(R"(,"address":"::","port":1,"addressType":"udp6")"), ""))["type"]);
  EXPECT_EQ(R"({"cmd":"NODE_CLUSTER","ack":4})",
            acknowledgement(*read_worker_message(R"({"act":"exitedAfterDisconnect","seq":4})")));
}

}  // namespace
}  // namespace keeper
