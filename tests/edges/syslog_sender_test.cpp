// Messages on their way to a syslog that is a socket of the test's own.
#include "keeper/log/syslog_sender.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "keeper/child/getent.hpp"
#include "keeper/log/syslog_lines.hpp"
#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

using std::string;

const WallTime kNow = *parse_time("2026-11-20T16:24:00.123Z");

class Receiver {
 public:
  explicit Receiver(const SyslogAddress& address)
      : socket_(socket(address.bytes.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    EXPECT_EQ(0, bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address.bytes), address.size));
  }
  int port() const {
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&own), &size);
    return ntohs(own.ss_family == AF_INET ? reinterpret_cast<sockaddr_in*>(&own)->sin_port
                                          : reinterpret_cast<sockaddr_in6*>(&own)->sin6_port);
  }
  /// The next message that is there; empty if there is none.
  string next() const {
    string out(64 << 10, '\0');
    ssize_t got = recv(socket_.get(), out.data(), out.size(), 0);
    out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return out;
  }
  /// The next one, waited for.
  string waited() const {
    string out;
    eventually([&] { return !(out = next()).empty(); });
    return out;
  }

 private:
  Fd socket_;
};

struct Local {
  Place place;
  string path = (place / "log").string();
  asio::io_context io;
  SyslogSender sender{io, SyslogMessage(SyslogForm::local, "host", "api"), path, local_syslog(path)};
  std::optional<Receiver> receiver;
  int sent = 0;

  void listen() { receiver.emplace(local_syslog(path).front()); }
  void go() {
    receiver.reset();
    unlink(path.c_str());
  }
  void send() { sender.send("line " + std::to_string(sent++), kNow, LogStream::out, 7); }
};

bool ends_with(const string& text, const string& end) {
  return text.ends_with(end);
}

TEST(SyslogSender, SendsALineAsAMessageToTheLocalSocket) {
  Local l;
  l.listen();
  l.sender.send("one\n  two", kNow, LogStream::err, 7);
  string got = l.receiver->next();
  EXPECT_TRUE(got.starts_with("<11>") && ends_with(got, " api[7]: one\n  two")) << got;
  EXPECT_EQ(0u, l.sender.dropped());
  EXPECT_EQ("", l.sender.trouble());
}

TEST(SyslogSender, CountsWhileNobodyIsThereAndFindsASocketThatComesBack) {
  Local l;
  for (int i = 0; i < 3; ++i)
    l.send();
  EXPECT_EQ(3u, l.sender.dropped());
  EXPECT_EQ("cannot send to " + l.path + ": No such file or directory", l.sender.trouble());
  for (int round = 0; round < 2; ++round) {
    l.listen();
    string got;
    EXPECT_TRUE(eventually([&] { return !(got = l.receiver->next()).empty(); }, [&] { l.send(); }));
    EXPECT_EQ("", l.sender.trouble());
    EXPECT_TRUE(ends_with(got, "line " + std::to_string(l.sender.dropped()))) << got << l.sender.dropped();
    std::uint64_t before = l.sender.dropped();
    l.go();
    l.send();
    EXPECT_EQ(before + 1, l.sender.dropped());
    l.sent = static_cast<int>(before) + 1;
  }
}

TEST(SyslogSender, KeepsWhatAReceiverHasNoRoomForAndSendsItInOrder) {
  Local l;
  l.listen();
  constexpr int kLines = 3000;
  for (int i = 0; i < kLines; ++i)
    l.send();
  EXPECT_EQ(0u, l.sender.dropped());
  for (int i = 0; i < kLines; ++i) {
    string got;
    ASSERT_TRUE(eventually([&] { return !(got = l.receiver->next()).empty(); },
                           [&] {
                             l.io.poll();
                             l.io.restart();
                           }));
    ASSERT_TRUE(ends_with(got, "line " + std::to_string(i))) << got;
  }
}

TEST(SyslogSender, DropsAndCountsForAReceiverThatNeverReads) {
  Local l;
  l.listen();
  constexpr int kLines = 100'000;
  for (int i = 0; i < kLines; ++i)
    l.send();
  EXPECT_GT(l.sender.dropped(), 10'000u);
  EXPECT_TRUE(ends_with(l.sender.trouble(), "it takes less than there is")) << l.sender.trouble();
  std::uint64_t came = 0;
  eventually([&] { return came + l.sender.dropped() == kLines; },
             [&] {
               l.io.poll();
               l.io.restart();
               while (!l.receiver->next().empty())
                 ++came;
             });
  EXPECT_EQ(static_cast<std::uint64_t>(kLines), came + l.sender.dropped());
  l.send();
  EXPECT_EQ("", l.sender.trouble());
}

TEST(SyslogSender, SendsWhatIsKeptAtTheEndAsLongAsSomebodyReads) {
  Local l;
  l.listen();
  for (int i = 0; i < 3000; ++i)
    l.send();
  l.sender.finish(Millis(10));  // nobody does
  for (int came = 0; came < 3000; ++came) {
    string got = l.receiver->next();
    if (got.empty()) {
      l.sender.finish(Millis(1));
      got = l.receiver->next();
    }
    ASSERT_TRUE(ends_with(got, "line " + std::to_string(came))) << got;
  }
}

TEST(SyslogSender, SendsOverUdpToEitherKindOfAddress) {
  for (const string address : {"127.0.0.1", "::1"}) {
    auto any = udp_syslog(address, 0);
    ASSERT_EQ(1u, any.size());
    Receiver receiver(any.front());
    asio::io_context io;
    SyslogSender sender(io, SyslogMessage(SyslogForm::rfc5424, "host", "api"), "x",
                        udp_syslog(address, receiver.port()));
    sender.send("caf\xE9", kNow, LogStream::out, 7);
    EXPECT_EQ("<14>1 2026-11-20T16:24:00.123Z host api 7 - - caf\xE9", receiver.waited());
  }
}

TEST(SyslogSender, GoesOnToTheNextAddressWhereOneRefuses) {
  Receiver receiver(udp_syslog("127.0.0.1", 0).front());
  asio::io_context io;
  SyslogSender sender(io, SyslogMessage(SyslogForm::rfc5424, "host", "api"), "x",
                      udp_syslog("::1 nonsense 127.0.0.1", receiver.port()));
  string got;
  int sent = 0;
  EXPECT_TRUE(eventually([&] { return !(got = receiver.next()).empty(); },
                         [&] { sender.send(std::to_string(sent++), kNow, LogStream::out, 7); }));
  EXPECT_TRUE(ends_with(got, " " + std::to_string(sender.dropped()))) << got;
  sender.send("more", kNow, LogStream::out, 7);
  EXPECT_EQ("", sender.trouble());
}

TEST(SyslogSender, SaysThatAHostRefuses) {
  int port = 0;
  {
    Receiver gone(udp_syslog("127.0.0.1", 0).front());
    port = gone.port();
  }
  asio::io_context io;
  SyslogSender sender(io, SyslogMessage(SyslogForm::rfc5424, "host", "api"), "udp:here:1",
                      udp_syslog("127.0.0.1", port));
  EXPECT_TRUE(
      eventually([&] { return sender.dropped() > 2; }, [&] { sender.send("x", kNow, LogStream::out, 7); }));
  EXPECT_EQ("cannot send to udp:here:1: Connection refused", sender.trouble());
}

TEST(SyslogSender, HasNoWayWhereThereIsNoAddress) {
  asio::io_context io;
  SyslogSender sender(io, SyslogMessage(SyslogForm::rfc5424, "host", "api"), "udp:here:1", {});
  sender.send("x", kNow, LogStream::out, 7);
  EXPECT_EQ(1u, sender.dropped());
  EXPECT_EQ("cannot send to udp:here:1: it has no address", sender.trouble());
  EXPECT_TRUE(local_syslog(string(200, 'x')).empty());
}

TEST(SyslogLines, JoinsRecordsAndSendsTheLastOneWhenNothingFollows) {
  Local l;
  l.listen();
  auto starts = LineMatcher::make("^[a-z]");
  ASSERT_TRUE(starts);
  SyslogLines lines(l.io, l.sender, LogStream::out, std::move(*starts), [] { return 7; });
  lines.feed("one\n  two\nthree");
  EXPECT_EQ("", l.receiver->next()) << "its next line may still come";
  lines.feed("\nfour\n");
  string got;
  auto turn = [&] {
    l.io.poll();
    l.io.restart();
  };
  std::vector<string> all;
  eventually([&] { return all.size() == 3; },
             [&] {
               turn();
               if (!(got = l.receiver->next()).empty()) all.push_back(got);
             });
  ASSERT_EQ(3u, all.size());
  EXPECT_TRUE(ends_with(all[0], ": one\n  two")) << all[0];
  EXPECT_TRUE(ends_with(all[1], ": three")) << all[1];
  EXPECT_TRUE(ends_with(all[2], ": four")) << all[2];
}

TEST(SyslogLines, EndsARunWithWhatHasNoNewline) {
  Local l;
  l.listen();
  SyslogLines lines(l.io, l.sender, LogStream::out, nullptr, [] { return 7; });
  lines.feed("one\nhalf");
  EXPECT_TRUE(ends_with(l.receiver->next(), ": one"));
  lines.end_run();
  EXPECT_TRUE(ends_with(l.receiver->next(), ": half"));
  lines.feed("next\n");
  EXPECT_TRUE(ends_with(l.receiver->next(), ": next"));
}

TEST(Getent, GivesTheAddressesOfAHost) {
  Place place;
  write_text(
      place / "getent",
      "#!/bin/sh\n[ \"$3\" = logs ] || exit 2\nprintf '::1 STREAM logs\\n::1 DGRAM\\n127.0.0.1 STREAM\\n"
      "127.0.0.1 DGRAM\\n'\n",
      0700);
  string getent = (place / "getent").string();
  EXPECT_EQ("::1 127.0.0.1", *addresses_of("logs", getent.c_str()));
  EXPECT_EQ("10.0.0.1", *addresses_of("10.0.0.1", getent.c_str()));
  EXPECT_EQ("fe80::1%lo", *addresses_of("fe80::1%lo", getent.c_str()));
  auto none = addresses_of("else", getent.c_str());
  ASSERT_FALSE(none);
  EXPECT_EQ("there is no host 'else' (a name that 'getent ahosts' shows, or an address)", none.error().why());
}

}  // namespace
}  // namespace keeper
