// Questions by datagram: the keeper's end on a real socket, and the client's with keepers that are none.
#include "keeper/control/ask_socket.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <atomic>
#include <cstring>
#include <functional>
#include <thread>

#include "protocol/base/datagram.hpp"
#include "protocol/base/pass_fd.hpp"
#include "protocol/client/question.hpp"
#include "tests/edges/support/fake_service.hpp"
#include "tests/edges/support/lingering.hpp"
#include "tests/edges/support/place.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

using std::string;
using Answers = std::vector<std::optional<string>>;

struct Questions : testing::Test {
  Place place;
  std::optional<Home> home;

  void SetUp() override {
    auto opened = Home::open((place / "home").string(), Home::Create::yes);
    ASSERT_TRUE(opened);
    home.emplace(std::move(*opened));
  }
  Fd bind_for(const char* stem) const {
    auto socket = home->bind_ask_socket(stem);
    EXPECT_TRUE(socket);
    return std::move(*socket);
  }
};

// --- the keeper's end

struct AskSockets : Questions {
  asio::io_context io;
  FakeService service;
  std::optional<AskSocket> asked;
  Fd asker{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};

  void SetUp() override {
    Questions::SetUp();
    asked.emplace(io, bind_for("api"), service);
    sockaddr_un any{};
    any.sun_family = AF_UNIX;
    ASSERT_EQ(0, bind(asker.get(), reinterpret_cast<sockaddr*>(&any), sizeof any.sun_family));
  }
  void send(std::string_view question) const {
    const auto address = home->ask_address("api");
    ASSERT_TRUE(address);
    ASSERT_EQ(static_cast<ssize_t>(question.size()),
              send_datagram(asker.get(), question, *address, sizeof *address));
  }
  /// The datagram that comes once all that was sent has been looked at; empty without one.
  string answer() {
    for (int i = 0; i < 50; ++i)
      io.poll();
    char bytes[64 * 1024];
    const ssize_t got = recv(asker.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    return {bytes, static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
  }
  string ask(std::string_view question) {
    send(question);
    return answer();
  }
};

TEST_F(AskSockets, NobodyWaitsForADescriptorThatLingers) {
  Lingering lingering;
  const auto address = home->ask_address("api");
  ASSERT_EQ(0, connect(asker.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address));
  ASSERT_LT(0, send_beside(asker.get(), "rubbish", lingering.socket.get()));
  lingering.socket = Fd();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ("", answer());
  send(R"({"jsonrpc":"2.0","id":1,"method":"status"})");
  EXPECT_NE("", answer());
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(500));
}

TEST_F(AskSockets, AnswersAStatusInOneLine) {
  const string reply = ask(call("status", "7") + "\n");
  EXPECT_TRUE(reply.starts_with(R"({"jsonrpc":"2.0","id":7,"result":{)")) << reply;
  EXPECT_EQ(reply.size() - 1, reply.find('\n'));
  EXPECT_EQ(reply, ask(call("status", "7"))) << "a datagram needs no newline";
}

TEST_F(AskSockets, DoesNothingElse) {
  for (const string& question : {call("stop"), call("ping"), call("events"), "[" + call("status") + "]",
                                 string(R"({"jsonrpc":"2.0","method":"status"})"),
                                 string("\xff\x00rubbish", 9), string(), string("\n"), string("{")}) {
    EXPECT_EQ("", ask(question)) << question;
  }
  EXPECT_EQ(0, service.pings);
  EXPECT_TRUE(service.waiting.empty());
  EXPECT_NE("", ask(call("status"))) << "and is there for the next one";
}

TEST_F(AskSockets, AQuestionThatIsTooLongIsNone) {
  EXPECT_EQ("", ask(call("status") + string(300, ' ')));
  EXPECT_NE("", ask(call("status")));
}

TEST_F(AskSockets, AnAskerWhoTakesNothingHoldsUpNobody) {
  for (int i = 0; i < 100; ++i) {
    const auto address = home->ask_address("api");
    send_datagram(asker.get(), call("status"), *address, sizeof *address);
    io.poll();
  }
  int answers = 0;
  while (!answer().empty())
    ++answers;
  EXPECT_GT(answers, 5);
  EXPECT_LT(answers, 100);
  EXPECT_NE("", ask(call("status")));
}

TEST_F(AskSockets, WhoHasNoAddressIsNotAnswered) {
  Fd nameless(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto address = home->ask_address("api");
  ASSERT_LT(0, send_datagram(nameless.get(), call("status"), *address, sizeof *address));
  EXPECT_NE("", ask(call("status")));
}

TEST_F(AskSockets, DescriptorsThatComeAlongAreNotTaken) {
  const auto address = home->ask_address("api");
  const auto before = open_descriptors();
  string question = call("status");
  iovec piece{question.data(), question.size()};
  alignas(cmsghdr) char beside[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  header.msg_name = const_cast<sockaddr_un*>(&*address);
  header.msg_namelen = sizeof *address;
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = beside;
  header.msg_controllen = sizeof beside;
  cmsghdr* part = CMSG_FIRSTHDR(&header);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof(int));
  const int mine = asker.get();
  std::memcpy(CMSG_DATA(part), &mine, sizeof mine);
  ASSERT_LT(0, sendmsg(asker.get(), &header, 0));
  EXPECT_NE("", answer());
  EXPECT_EQ(before, open_descriptors());
}

TEST_F(AskSockets, OnlyItsOwnUserAndRootAreAnswered) {
  NEEDS_ROOT();
  // Another user cannot reach the socket's path: it is given one that is connected to it.
  Fd stranger(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un any{};
  any.sun_family = AF_UNIX;
  ASSERT_EQ(0, bind(stranger.get(), reinterpret_cast<sockaddr*>(&any), sizeof any.sun_family));
  const auto address = home->ask_address("api");
  ASSERT_EQ(0, connect(stranger.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address));
  const string question = call("status");
  const pid_t child = fork();
  if (child == 0) {
    become_nobody();
    _exit(::send(stranger.get(), question.data(), question.size(), 0) > 0 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(child, waitpid(child, &status, 0));
  ASSERT_EQ(0, status);
  for (int i = 0; i < 50; ++i)
    io.poll();
  char byte;
  EXPECT_EQ(-1, recv(stranger.get(), &byte, 1, MSG_DONTWAIT));
  EXPECT_EQ(1, service.refusals);
}

TEST_F(AskSockets, ItsSocketIsForItsOwnerAlone) {
  struct stat st {};
  ASSERT_EQ(0, stat((place / "home/sock/api.ask").c_str(), &st));
  EXPECT_EQ(0600u, st.st_mode & 07777u);
  home->unlink_socket("api");
  EXPECT_NE(0, stat((place / "home/sock/api.ask").c_str(), &st));
}

// --- the client's end

/// Something at a keeper's place that answers as the test wants.
class Stub {
 public:
  using What = std::function<void(int socket, const Datagram& from, const string& question)>;
  Stub(Fd socket, What what)
      : socket_(std::move(socket)), what_(std::move(what)), thread_([this] { serve(); }) {}
  ~Stub() {
    ends_ = true;
    shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }
  Stub(const Stub&) = delete;
  Stub& operator=(const Stub&) = delete;

 private:
  void serve() {
    while (!ends_) {
      char bytes[512];
      pollfd polled{socket_.get(), POLLIN, 0};
      poll(&polled, 1, 20);
      const Datagram got = receive_datagram(socket_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (got.bytes > 0) what_(socket_.get(), got, {bytes, static_cast<std::size_t>(got.bytes)});
    }
  }
  Fd socket_;
  What what_;
  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

string id_of(const string& question) {
  const auto from = question.find("\"id\":") + 5;
  return question.substr(from, question.find(',', from) - from);
}
void reply(int socket, const Datagram& to, const string& id, const string& result) {
  const string line = R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":)" + result + "}\n";
  send_datagram(socket, line, to.from, to.from_size);
}
Stub::What says(const string& result) {
  return [result](int socket, const Datagram& from, const string& question) {
    reply(socket, from, id_of(question), result);
  };
}

constexpr Millis kQuiet{50}, kLong{10'000};

TEST_F(Questions, EveryAnswerIsOfTheKeeperThatWasAsked) {
  std::vector<std::unique_ptr<Stub>> stubs;
  std::vector<AppId> ids;
  for (int i = 0; i < 25; ++i) {
    ids.push_back({"app", i});
    stubs.push_back(std::make_unique<Stub>(bind_for(ids.back().stem().c_str()), says(std::to_string(i))));
  }
  const Answers answers = ask_by_datagram(*home, ids, kLong);
  ASSERT_EQ(25u, answers.size());
  for (std::size_t i = 0; i < 25; ++i)
    EXPECT_EQ(std::to_string(i), answers[i]);
}

TEST_F(Questions, WhoCannotBeAskedHasNoAnswerAndIsNotWaitedFor) {
  const Stub stub(bind_for("b"), says("1"));
  bind_for("stale");  // nobody has it any more
  const Answers answers = ask_by_datagram(*home, {{"a", 0}, {"b", 0}, {"stale", 0}}, kLong);
  EXPECT_EQ((Answers{std::nullopt, "1", std::nullopt}), answers);
}

TEST_F(Questions, ALinkIsNotAsked) {
  bind_for("b");
  std::filesystem::create_symlink(place / "home/sock/b.ask", place / "home/sock/link.ask");
  EXPECT_EQ((std::vector<AppId>{{"b", 0}}), home->all_sockets().asked);
}

TEST_F(Questions, WhoDoesNotAnswerCostsTheOthersNothing) {
  const Fd deaf = bind_for("a");
  const Stub stub(bind_for("b"), says("1"));
  EXPECT_EQ((Answers{std::nullopt, "1"}), ask_by_datagram(*home, {{"a", 0}, {"b", 0}}, kQuiet));
}

TEST_F(Questions, AnErrorIsNoAnswer) {
  const Stub stub(bind_for("a"), [](int socket, const Datagram& from, const string& question) {
    const string line = error_text(id_of(question), {rpc_code::server, "busy", Reason::busy}) + "\n";
    send_datagram(socket, line, from.from, from.from_size);
  });
  EXPECT_EQ((Answers{std::nullopt}), ask_by_datagram(*home, {{"a", 0}}, kLong));
}

/// As one is for whoever had this address before.
TEST_F(Questions, AnAnswerToAnotherQuestionIsNotTaken) {
  const Stub stub(bind_for("a"), [](int socket, const Datagram& from, const string& question) {
    for (const char* id : {"0", "1", "null", "\"x\"", "99999999999"})
      reply(socket, from, id, R"("another's")");
    send_datagram(socket, "rubbish", from.from, from.from_size);
    reply(socket, from, id_of(question), R"("mine")");
  });
  EXPECT_EQ((Answers{R"("mine")"}), ask_by_datagram(*home, {{"a", 0}}, kLong));
}

TEST_F(Questions, AnAnswerOfAnotherUserIsNotTaken) {
  NEEDS_ROOT();
  const Fd real = bind_for("a");
  const pid_t child = fork();
  if (child == 0) {
    become_nobody();
    char bytes[512];
    pollfd polled{real.get(), POLLIN, 0};
    poll(&polled, 1, 10'000);
    const Datagram asked = receive_datagram(real.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    reply(real.get(), asked, id_of({bytes, static_cast<std::size_t>(std::max<ssize_t>(asked.bytes, 0))}),
          "1");
    _exit(0);
  }
  EXPECT_EQ((Answers{std::nullopt}), ask_by_datagram(*home, {{"a", 0}}, Millis(300)));
  int status = -1;
  ASSERT_EQ(child, waitpid(child, &status, 0));
  EXPECT_EQ(0, WEXITSTATUS(status));
}

TEST_F(Questions, StrangersWhoSendWithoutEndAreNotListenedToForEver) {
  std::atomic<bool> enough = false;
  const Stub stub(bind_for("a"), [&](int socket, const Datagram& from, const string&) {
    while (!enough)
      reply(socket, from, "0", "1");
  });
  EXPECT_EQ((Answers{std::nullopt}), ask_by_datagram(*home, {{"a", 0}}, kLong));
  enough = true;
}

}  // namespace
}  // namespace keeper
