// The server on a real socket, with a service that answers when the test says so.
#include "keeper/control/server.hpp"

#include <sys/socket.h>

#include <asio/io_context.hpp>
#include <cstring>

#include "protocol/base/pass_fd.hpp"
#include "tests/edges/support/fake_service.hpp"
#include "tests/edges/support/lingering.hpp"
#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

using std::string;

struct World {
  World() {
    auto opened = Home::open((place / "home").string(), Home::Create::yes);
    EXPECT_TRUE(opened);
    home.emplace(std::move(*opened));
    lock = std::move(*home->lock("api", Millis(0)));
    auto socket = home->bind_socket("api");
    EXPECT_TRUE(socket);
    server = std::make_unique<Server>(io, std::move(*socket), service);
  }
  bool soon(const std::function<bool()>& condition) {
    return eventually(condition, [this] { io.poll(); });
  }
  /// So many turns of the loop that whatever was sent has been looked at.
  void settle() {
    for (int i = 0; i < 50; ++i)
      io.poll();
  }

  Place place;
  asio::io_context io;
  FakeService service;
  std::optional<Home> home;
  Fd lock;
  std::unique_ptr<Server> server;
};

class TestClient {
 public:
  explicit TestClient(World& world) : world_(world), fd_(std::move(*world.home->connect_socket("api"))) {}

  /// All of it, while the server reads.
  bool send(std::string_view bytes) {
    return world_.soon([&] {
      while (!bytes.empty()) {
        ssize_t put = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put <= 0) return put < 0 && errno != EAGAIN;
        bytes.remove_prefix(static_cast<std::size_t>(put));
      }
      return true;
    });
  }
  /// As much as is taken now.
  std::size_t push(std::string_view bytes) {
    ssize_t put = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return put < 0 ? 0 : static_cast<std::size_t>(put);
  }
  /// The next line; empty if there is none in time or the connection ended.
  string line() {
    world_.soon([&] {
      take();
      return ended_ || received_.find('\n') != string::npos;
    });
    auto end = received_.find('\n');
    if (end == string::npos) return {};
    string out = received_.substr(0, end);
    received_.erase(0, end + 1);
    return out;
  }
  string ask(const string& request) {
    send(request + "\n");
    return line();
  }
  bool nothing_comes() {
    world_.settle();
    take();
    return received_.empty() && !ended_;
  }
  bool closed() {
    return world_.soon([&] {
      take();
      return ended_;
    });
  }
  void half_close() { shutdown(fd_.get(), SHUT_WR); }
  void leave() { fd_.reset(); }

 private:
  void take() {
    char chunk[64 * 1024];
    for (ssize_t got = 0; (got = recv(fd_.get(), chunk, sizeof chunk, MSG_DONTWAIT)) != 0;) {
      if (got < 0 && errno == EAGAIN) return;
      if (got < 0) break;
      received_.append(chunk, static_cast<std::size_t>(got));
    }
    ended_ = true;
  }
  World& world_;
  Fd fd_;
  string received_;
  bool ended_ = false;
};

bool has(const string& text, std::string_view part) {
  return text.find(part) != string::npos;
}

TEST(Server, AnswersARequestAndKnowsWhoAsks) {
  World world;
  TestClient client(world);
  string reply = client.ask(call("ping", "\"a\""));
  EXPECT_TRUE(has(reply, "\"id\":\"a\"") && has(reply, "\"result\"")) << reply;
  EXPECT_EQ(getpid(), world.service.last.pid);
  EXPECT_EQ(geteuid(), world.service.last.uid);
}

TEST(Server, AnswersEveryLineOfAConnectionInOrder) {
  World world;
  TestClient client(world);
  client.send(call("ping", "1") + "\n" + call("ping", "2") + "\n\n  \n" + call("ping", "3") + "\n");
  for (const char* id : {"\"id\":1", "\"id\":2", "\"id\":3"})
    EXPECT_TRUE(has(client.line(), id)) << id;
  EXPECT_TRUE(client.nothing_comes());
}

TEST(Server, ReadsALineThatComesByteByByte) {
  World world;
  TestClient client(world);
  for (char byte : call("ping") + "\n") {
    EXPECT_EQ(1u, client.push({&byte, 1}));
    world.settle();
  }
  EXPECT_TRUE(has(client.line(), "\"result\""));
}

TEST(Server, GivesALateAnswerWhenItComes) {
  World world;
  TestClient client(world);
  client.send(call("stop", "7") + "\n" + call("ping", "8") + "\n");
  EXPECT_TRUE(has(client.line(), "\"id\":8")) << "one that waits holds up no other";
  ASSERT_EQ(1u, world.service.waiting.size());
  world.service.waiting.front().give(Status{});
  EXPECT_TRUE(has(client.line(), "\"id\":7"));
}

TEST(Server, ALateAnswerToAClientThatIsGoneGoesNowhere) {
  World world;
  TestClient client(world);
  client.send(call("stop") + "\n");
  ASSERT_TRUE(world.soon([&] { return world.service.waiting.size() == 1; }));
  client.leave();
  world.settle();
  world.service.waiting.front().give(Status{});
  world.service.waiting.clear();
  TestClient next(world);
  EXPECT_TRUE(has(next.ask(call("ping")), "\"result\""));
}

TEST(Server, AnswersABatchInOneLineWhenTheLastAnswerHasCome) {
  World world;
  TestClient client(world);
  client.send("[" + call("ping", "1") + "," + call("stop", "2") + ",7," + call("signal", "3") + "]\n");
  EXPECT_TRUE(client.nothing_comes());
  world.service.waiting.front().give(Status{});
  world.service.waiting.clear();
  string reply = client.line();
  EXPECT_TRUE(reply.starts_with("[{") && reply.ends_with("}]")) << reply;
  for (const char* part : {"\"id\":1", "\"id\":2", "\"id\":3", "-32600", "not_running"})
    EXPECT_TRUE(has(reply, part)) << part << "\n" << reply;
}

TEST(Server, ANotificationIsNotAnswered) {
  World world;
  TestClient client(world);
  client.send(R"({"jsonrpc":"2.0","method":"ping"})"
              "\n");
  EXPECT_TRUE(world.soon([&] { return world.service.pings == 1; }));
  EXPECT_TRUE(client.nothing_comes());
  client.send(
      "["
      R"({"jsonrpc":"2.0","method":"ping"})"
      "]\n");
  EXPECT_TRUE(world.soon([&] { return world.service.pings == 2; }));
  EXPECT_TRUE(client.nothing_comes());
}

TEST(Server, AnErrorOfALineLeavesTheConnection) {
  World world;
  TestClient client(world);
  EXPECT_TRUE(has(client.ask("this is no JSON"), "-32700"));
  EXPECT_TRUE(has(client.ask("{}"), "-32600"));
  EXPECT_TRUE(has(client.ask(call("nothing")), "-32601"));
  EXPECT_TRUE(
      has(client.ask(R"({"jsonrpc":"2.0","id":1,"method":"logs","params":{"lines":"x"}})"), "-32602"));
  EXPECT_TRUE(has(client.ask(string(200, '[')), "error"));
  EXPECT_TRUE(has(client.ask(call("ping")), "\"result\""));
}

TEST(Server, ALineOverOneMebibyteIsAnErrorAndTheEnd) {
  World world;
  TestClient client(world);
  client.send(string((1 << 20) + 1, 'x'));
  EXPECT_TRUE(has(client.line(), "too_large"));
  EXPECT_TRUE(client.closed());
}

TEST(Server, ALineOfJustUnderOneMebibyteIsRead) {
  World world;
  TestClient client(world);
  string request = call("ping");
  request += string((1 << 20) - request.size() - 1, ' ');
  EXPECT_TRUE(has(client.ask(request), "\"result\""));
}

TEST(Server, AllClientsTogetherMayHaveSentFourMebibytesHalf) {
  World world;
  std::vector<std::unique_ptr<TestClient>> clients;
  int ended = 0;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(std::make_unique<TestClient>(world));
    clients.back()->send(string((1 << 20) - 100, 'x'));
    world.settle();
  }
  for (auto& client : clients)
    ended += client->nothing_comes() ? 0 : 1;
  EXPECT_GE(ended, 2);
  EXPECT_LE(ended, 3);
  TestClient next(world);
  EXPECT_TRUE(has(next.ask(call("ping")), "\"result\""));
}

TEST(Server, AClientThatDoesNotReadIsNotReadFrom) {
  World world;
  TestClient greedy(world);
  string requests;
  for (int i = 0; i < 200; ++i)
    requests += call("logs") + "\n";
  greedy.push(requests);
  world.settle();
  int answered = world.service.logs;
  EXPECT_GT(answered, 0);
  EXPECT_LT(answered, 20) << "256 KiB are kept for it, and what the socket takes";
  TestClient other(world);
  EXPECT_TRUE(has(other.ask(call("ping")), "\"result\""));
  EXPECT_EQ(answered, world.service.logs);
  // As soon as it reads, it is served on, and gets all of them.
  for (int i = 0; i < 200; ++i)
    ASSERT_GT(greedy.line().size(), 100'000u) << i;
  EXPECT_EQ(200, world.service.logs);
}

/// Nobody is put out who is owed something.
TEST(Server, TheSixtyFifthConnectionIsToldSo) {
  World world;
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 64; ++i) {
    clients.push_back(std::make_unique<TestClient>(world));
    ASSERT_TRUE(has(clients.back()->ask(call("events")), "\"stream\""));
  }
  {
    TestClient another(world);
    EXPECT_TRUE(has(another.line(), "\"busy\""));
    EXPECT_TRUE(another.closed());
  }
  clients.erase(clients.begin());
  world.settle();
  TestClient next(world);
  EXPECT_TRUE(has(next.ask(call("ping")), "\"result\""));
}

TEST(Server, AClientThatHalfClosesStillGetsItsAnswers) {
  World world;
  TestClient client(world);
  client.send(call("ping", "1") + "\n" + call("stop", "2") + "\n");
  client.half_close();
  EXPECT_TRUE(has(client.line(), "\"id\":1"));
  world.settle();
  ASSERT_EQ(1u, world.service.waiting.size());
  world.service.waiting.front().give(Status{});
  world.service.waiting.clear();
  EXPECT_TRUE(has(client.line(), "\"id\":2"));
  EXPECT_TRUE(client.closed());
}

string last(string request) {
  return request.insert(1, R"("last":true,)");
}

TEST(Server, ClosesWhenTheLastRequestIsAnsweredAndThoseBeforeIt) {
  World world;
  TestClient client(world);
  client.send(call("stop", "1") + "\n" + last(call("ping", "2")) + "\n");
  EXPECT_TRUE(has(client.line(), "\"id\":2"));
  world.settle();
  ASSERT_EQ(1u, world.service.waiting.size());
  world.service.waiting.front().give(Status{});
  world.service.waiting.clear();
  EXPECT_TRUE(has(client.line(), "\"id\":1"));
  EXPECT_TRUE(client.closed());
}

TEST(Server, KeepsNoPlaceForThoseWhoLeaveBeforeTheirLastRequestIsAnswered) {
  World world;
  for (int i = 0; i < 100; ++i) {
    TestClient client(world);
    client.send(last(call("stop")) + "\n");
    ASSERT_TRUE(world.soon([&] { return world.service.waiting.size() == static_cast<std::size_t>(i) + 1; }))
        << i;
    client.leave();
    world.settle();
  }
  TestClient next(world);
  EXPECT_TRUE(has(next.ask(last(call("ping"))), "\"result\""));
}

TEST(Server, AtItsEndWhatIsOwedToClientsIsPutOut) {
  World world;
  TestClient client(world);
  client.send(call("stop") + "\n");
  ASSERT_TRUE(world.soon([&] { return world.service.waiting.size() == 1; }));
  world.service.waiting.front().give(Status{});
  world.server->close();
  EXPECT_TRUE(has(client.line(), "\"result\""));
  EXPECT_TRUE(client.closed());
}

// --- Streams

TEST(Streams, BeginWithTheirNumberAndWhatIsTrueNow) {
  World world;
  TestClient client(world);
  EXPECT_EQ(R"({"jsonrpc":"2.0","id":1,"result":{"stream":1}})", client.ask(call("events")));
  EXPECT_TRUE(has(client.line(), R"("method":"event","params":{"stream":1,"event":"now")"));
  world.service.streams.send(FakeService::event("started"));
  EXPECT_TRUE(has(client.line(), R"("stream":1,"event":"started")"));
}

TEST(Streams, GoOnForAClientThatHalfClosedItsConnection) {
  World world;
  TestClient client(world);
  client.ask(call("events"));
  client.half_close();
  client.line();
  world.settle();
  world.service.streams.send(FakeService::event("started"));
  EXPECT_TRUE(has(client.line(), R"("event":"started")"));
}

TEST(Streams, OtherRequestsAreAnsweredOnTheSameConnection) {
  World world;
  TestClient client(world);
  client.ask(call("events"));
  client.line();
  EXPECT_TRUE(has(client.ask(call("ping", "2")), R"("id":2,"result")"));
}

TEST(Streams, AreOneForEachConnectionAndNotPartOfABatch) {
  World world;
  TestClient client(world);
  EXPECT_TRUE(has(client.ask("[" + call("events") + "]"), R"("reason":"usage")"));
  client.ask(call("events"));
  client.line();
  EXPECT_TRUE(has(client.ask(call("events")), R"("reason":"already")"));
}

TEST(Streams, EndWithTheirConnection) {
  World world;
  {
    TestClient client(world);
    client.ask(call("events"));
    EXPECT_FALSE(world.service.streams.empty());
  }
  EXPECT_TRUE(world.soon([&] { return world.service.streams.empty(); }));
}

TEST(Streams, ASubscriberThatDoesNotReadMissesEventsAndIsToldHowMany) {
  World world;
  TestClient slow(world), quick(world);
  slow.ask(call("events"));
  slow.line();
  quick.ask(call("events"));
  quick.line();
  constexpr std::uint64_t sent = 1000;
  for (std::uint64_t i = 0; i < sent; ++i) {
    AppEvent event = FakeService::event("started");
    event.run = i;
    event.text = string(4000, 'x');
    world.service.streams.send(event);
    ASSERT_TRUE(has(quick.line(), "\"run\":" + std::to_string(i) + ",")) << "nobody else misses anything";
  }
  std::uint64_t got = 0, missed = 0;
  while (missed == 0) {
    string line = slow.line();
    ASSERT_FALSE(line.empty());
    AppEvent event = *read_as<AppEvent>(*decode_event(line));
    if (event.dropped)
      missed = *event.dropped;
    else
      EXPECT_EQ(got++, event.run) << "in order, and none in between";
  }
  EXPECT_EQ(sent, got + missed);
  EXPECT_LT(got * 4000, 3u << 20) << "1 MiB here, and what the socket holds";
  world.service.streams.send(FakeService::event("exited"));
  EXPECT_TRUE(has(slow.line(), R"("event":"exited")"));
}

/// Subscribers that do not read, beside one that reads all and misses something because of them.
struct CrowdedOut {
  CrowdedOut() {
    for (int i = 0; i < 4; ++i) {
      deaf.push_back(std::make_unique<TestClient>(world));
      deaf.back()->ask(call("events"));
    }
    quick.ask(call("events"));
    quick.line();
    for (int i = 0; i < 60; ++i)
      send(std::string(60'000, 'x'));
    EXPECT_GT(missed, 1u) << "the others hold all the room there is";
    EXPECT_TRUE(quick.nothing_comes());
  }
  void send(std::string text) {
    AppEvent event = FakeService::event("started");
    event.text = std::move(text);
    world.service.streams.send(event);
    if (missed > 0 || quick.nothing_comes())
      ++missed;
    else
      EXPECT_TRUE(has(quick.line(), R"("event":"started")"));
  }
  void expect_it_hears_on() {
    EXPECT_TRUE(has(quick.line(), "\"dropped\":" + std::to_string(missed))) << "without another event";
    world.service.streams.send(FakeService::event("exited"));
    EXPECT_TRUE(has(quick.line(), R"("event":"exited")"));
  }

  World world;
  std::vector<std::unique_ptr<TestClient>> deaf;
  TestClient quick{world};
  std::uint64_t missed = 0;
};

TEST(Streams, ASubscriberThatOthersCrowdedOutHearsOnWhenOneOfThemLeaves) {
  CrowdedOut crowd;
  crowd.deaf.pop_back();
  crowd.expect_it_hears_on();
}

TEST(Streams, ASubscriberThatOthersCrowdedOutHearsOnWhenOneOfThemReads) {
  CrowdedOut crowd;
  while (!has(crowd.deaf.front()->line(), "\"dropped\":")) {
  }
  crowd.expect_it_hears_on();
}

TEST(Server, ClientsThatComeAndGoLeaveNoDescriptor) {
  World world;
  {
    TestClient first(world);
    first.ask(call("ping"));
  }
  world.settle();
  auto before = open_descriptors();
  for (int i = 0; i < 200; ++i) {
    TestClient client(world);
    if (i % 2 == 0) client.ask(call("ping"));
    if (i % 3 == 0) client.push("{\"half");
  }
  EXPECT_TRUE(world.soon([&] { return open_descriptors() == before; }));
}

TEST(Server, NobodyWaitsForADescriptorThatLingers) {
  World world;
  Fd client = std::move(*world.home->connect_socket("api"));
  Lingering asked, unread;
  const string ping = R"({"jsonrpc":"2.0","id":1,"method":"ping"})"
                      "\n";
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_LT(0, send_beside(client.get(), ping, asked.socket.get()));
  ASSERT_LT(0, send_beside(client.get(), ping, unread.socket.get()));
  asked.socket = Fd();
  unread.socket = Fd();
  char text[512] = {};
  ASSERT_TRUE(world.soon([&] { return recv(client.get(), text, sizeof text - 1, MSG_DONTWAIT) > 0; }));
  EXPECT_NE(nullptr, strstr(text, "no descriptors are taken here")) << text;
  ASSERT_TRUE(world.soon([&] { return recv(client.get(), text, sizeof text, MSG_DONTWAIT) == 0; }));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(500));
}

TEST(Server, PutsOutAnIdleClientWhereAnotherNeedsTheRoom) {
  World world;
  std::vector<std::unique_ptr<TestClient>> idle;
  for (int i = 0; i < 64; ++i) {
    idle.push_back(std::make_unique<TestClient>(world));
    world.settle();
  }
  idle[0]->push(R"({"jsonrpc":"2.0",)");  // half a request is none
  world.settle();
  TestClient one(world), other(world);
  EXPECT_NE("", one.ask(R"({"jsonrpc":"2.0","id":1,"method":"ping"})"));
  EXPECT_NE("", other.ask(R"({"jsonrpc":"2.0","id":1,"method":"ping"})"));
  EXPECT_NE(string::npos, idle[0]->line().find("others needed the room")) << "the first one was idle longest";
  EXPECT_NE("", idle[63]->ask(R"({"jsonrpc":"2.0","id":1,"method":"ping"})"));
}

}  // namespace
}  // namespace keeper
