// A node program's channel: one line after the other, whatever comes, and whoever goes on with it.
#include "keeper/node/channel.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/io_context.hpp>

#include "keeper/child/pidfd.hpp"
#include "protocol/base/pass_fd.hpp"
#include "tests/edges/support/lingering.hpp"
#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

using std::string;

constexpr std::size_t kMost = 1000;

class ChannelTest : public testing::Test {
 protected:
  void begin() {
    auto made = Channel::make(io_, kMost, hooks());
    ASSERT_TRUE(made) << made.error().text();
    channel_ = std::move(*made);
    program_ = Fd(dup(channel_->programs_end()));
    held_ = Fd(dup(channel_->descriptor()));
    channel_->begin();
    EXPECT_EQ(-1, channel_->programs_end());
  }
  ChannelHooks hooks() {
    ChannelHooks out;
    out.line = [this](std::string_view line) {
      if (full_) return Told::no_room;
      if (later_) return Told::later;
      lines_.emplace_back(line);
      if (after_line_) after_line_();
      return Told::taken;
    };
    out.skips = [this](bool skips) {
      skips_ = skips;
      if (after_skip_) after_skip_();
    };
    out.cut = [this](bool half) { half_ = half; };
    out.closed = [this] { ++closed_; };
    return out;
  }
  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t put = send(program_.get(), text.data(), text.size(), MSG_DONTWAIT);
      if (put > 0) text.remove_prefix(static_cast<std::size_t>(put));
      turn();
    }
  }
  string read() {
    char text[4096];
    const ssize_t got = recv(program_.get(), text, sizeof text, MSG_DONTWAIT);
    return got > 0 ? string(text, static_cast<std::size_t>(got)) : "";
  }
  bool become(const std::vector<string>& lines) {
    return eventually([&] { return lines_ == lines; }, [this] { turn(); });
  }
  std::size_t turn() { return io_.restart(), io_.poll(); }
  /// As a keeper that is killed, and the next one.
  void take_over() {
    channel_.reset();
    after_line_ = after_skip_ = nullptr;
    channel_ = Channel::go_on(io_, Fd(dup(held_.get())), skips_, kMost, hooks());
    channel_->begin();
  }

  asio::io_context io_;
  std::unique_ptr<Channel> channel_;
  Fd program_, held_;
  std::vector<string> lines_;
  bool skips_ = false, full_ = false, later_ = false, half_ = false;
  int closed_ = 0;
  std::function<void()> after_line_, after_skip_;
};

TEST_F(ChannelTest, TellsOfEachLineOnce) {
  begin();
  write("1\n\n\"two\"\n");
  ASSERT_TRUE(become({"1", "", "\"two\""}));
  write("3\n");
  EXPECT_TRUE(become({"1", "", "\"two\"", "3"}));
}

TEST_F(ChannelTest, WaitsForTheRestOfALineWithoutTurningRound) {
  begin();
  write("{\"half\":");
  std::size_t turns = 0;
  for (int i = 0; i < 50; ++i)
    turns += turn();
  EXPECT_LT(turns, 10u) << "half a line is there, and nothing new";
  EXPECT_TRUE(lines_.empty());
  write("1");
  write("}\nnext\n");
  EXPECT_TRUE(become({"{\"half\":1}", "next"}));
  write("more");
  write("\n");
  EXPECT_TRUE(become({"{\"half\":1}", "next", "more"}));
}

TEST_F(ChannelTest, HasLinesUpToItsMostAndPassesOverLongerOnes) {
  begin();
  const string fits(kMost, 'a');
  write(fits + "\n" + fits + "b\nshort\n");
  ASSERT_TRUE(become({fits, "", "short"}));
  EXPECT_FALSE(skips_);
  write(string(300'000, 'c') + "\nafter\n");
  EXPECT_TRUE(become({fits, "", "short", "", "after"}));
}

TEST_F(ChannelTest, ReadsManyShortLinesBehindHalfALine) {
  begin();
  write("half");
  std::vector<string> expected{"half and more"};
  string text = " and more\n";
  for (int i = 0; i < 3000; ++i) {
    expected.push_back(std::to_string(i));
    text += expected.back() + "\n";
  }
  write(text);
  EXPECT_TRUE(become(expected));
}

TEST_F(ChannelTest, LosesNothingWhenAnotherGoesOnInTheMiddle) {
  begin();
  write("one\nhal");
  ASSERT_TRUE(become({"one"}));
  take_over();
  turn();
  write("f\n");
  EXPECT_TRUE(become({"one", "half"}));
}

TEST_F(ChannelTest, TellsAgainOfALineThatWasNotTaken) {
  begin();
  after_line_ = [this] { channel_.reset(); };  // killed when it had acted, and before it could take it
  write("once\ntwice\n");
  ASSERT_TRUE(become({"once"}));
  take_over();
  EXPECT_TRUE(become({"once", "once", "twice"}));
}

TEST_F(ChannelTest, GoesOnThrowingAwayWhatAnotherBegan) {
  begin();
  after_skip_ = [this] { channel_.reset(); };  // killed when that was recorded
  write(string(kMost + 1, 'x'));
  ASSERT_TRUE(eventually([&] { return skips_; }, [this] { turn(); }));
  take_over();
  after_skip_ = [this] { channel_.reset(); };
  write(string(5000, 'y') + "\nafter\n");  // killed when its end was recorded
  ASSERT_TRUE(eventually([&] { return !skips_; }, [this] { turn(); }));
  take_over();
  EXPECT_TRUE(become({"", "after"}));
}

TEST_F(ChannelTest, TellsOnceThatItWasClosedAfterItsLastLines) {
  begin();
  write("last\nhalf");
  program_.reset();
  ASSERT_TRUE(eventually([&] { return closed_ > 0; }, [this] { turn(); }));
  turn();
  EXPECT_EQ(1, closed_);
  EXPECT_EQ(std::vector<string>{"last"}, lines_);
  EXPECT_FALSE(channel_->is_open());
  EXPECT_FALSE(channel_->send("1"));
}

TEST_F(ChannelTest, DrainsWhatIsThere) {
  begin();
  const string text = "a\nb\n";
  ASSERT_EQ(4, send(program_.get(), text.data(), text.size(), 0));
  program_.reset();
  channel_->drain();
  EXPECT_EQ((std::vector<string>{"a", "b"}), lines_);
  EXPECT_EQ(1, closed_);
}

TEST_F(ChannelTest, LeavesALineWhereItIsWhileThereIsNoRoomForAnAnswer) {
  begin();
  full_ = true;
  while (channel_->send(string(1000, 'z'))) {
  }
  write("question\n");
  std::size_t turns = 0;
  for (int i = 0; i < 50; ++i)
    turns += turn();
  EXPECT_LT(turns, 10u);
  full_ = false;
  EXPECT_TRUE(lines_.empty());
  EXPECT_TRUE(eventually([&] { return !lines_.empty(); },
                         [this] {
                           read();
                           turn();
                         }));
}

TEST_F(ChannelTest, TellsAgainOfWhatIsToBeToldLater) {
  begin();
  later_ = true;
  write("question\nmore\n");
  std::size_t turns = 0;
  for (int i = 0; i < 50; ++i)
    turns += turn();
  EXPECT_LT(turns, 10u);
  channel_->ask_again();
  EXPECT_TRUE(lines_.empty());
  later_ = false;
  channel_->ask_again();
  EXPECT_TRUE(become({"question", "more"}));
}

TEST_F(ChannelTest, SendsAWholeLineOrNothing) {
  begin();
  std::size_t sent = 0;
  const string line(60'000, 's');
  while (channel_->send(line))
    ++sent;
  ASSERT_GT(sent, 0u);
  std::size_t got = 0, ends = 0;
  for (string text = read(); !text.empty(); text = read()) {
    got += text.size();
    ends += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  EXPECT_EQ(sent, ends);
  EXPECT_EQ(sent * (line.size() + 1), got);
  EXPECT_TRUE(channel_->send(line)) << "there is room again";
}

TEST_F(ChannelTest, TakesNoHandlesAndReadsOnBehindThem) {
  begin();
  const auto before = open_descriptors();
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(9, send_beside(program_.get(), "with\nand ", program_.get()));
    write("more\n");
  }
  ASSERT_TRUE(eventually([&] { return lines_.size() == 40; }, [this] { turn(); }));
  EXPECT_EQ("and more", lines_.back());
  EXPECT_EQ(before, open_descriptors());
}

TEST_F(ChannelTest, NobodyWaitsForAHandleThatLingers) {
  begin();
  Lingering told, unread;
  ASSERT_EQ(4, send_beside(program_.get(), "one\n", told.socket.get()));
  told.socket = Fd();
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(become({"one"}));
  ASSERT_EQ(4, send_beside(program_.get(), "two\n", unread.socket.get()));
  unread.socket = Fd();
  channel_->end();
  held_ = Fd();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(500));
}

/// The buffer is the program's to make small: it has our end too.
TEST_F(ChannelTest, FinishesALineOfWhichAPartWasSentWithoutWaiting) {
  begin();
  const int small = 4608;
  ASSERT_EQ(0, setsockopt(held_.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small));
  const string line(60'000, 's');
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(channel_->send(line));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(500));
  EXPECT_TRUE(half_);
  EXPECT_FALSE(channel_->send("another"));
  string got;
  ASSERT_TRUE(eventually([&] { return (got += read()).ends_with('\n'); }, [this] { turn(); }));
  EXPECT_EQ(line + "\n", got);
  ASSERT_TRUE(eventually([&] { return !half_; }, [this] { turn(); }));
  EXPECT_TRUE(channel_->send("another"));
}

TEST_F(ChannelTest, EndsWithHalfALineThatTheProgramDoesNotRead) {
  begin();
  const int small = 4608;
  ASSERT_EQ(0, setsockopt(held_.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small));
  ASSERT_TRUE(channel_->send(string(60'000, 's')));
  ASSERT_TRUE(eventually([&] { return closed_ == 1; }, [this] { turn(); }));
}

TEST_F(ChannelTest, CanBeFetchedFromWhoeverHasIt) {
  begin();
  Fd self(pidfd_open(getpid(), 0));
  auto own = fetch_channel(self.get(), held_.get());
  ASSERT_TRUE(own) << own.error().text();
  EXPECT_TRUE(fcntl(own->get(), F_GETFD) & FD_CLOEXEC);
  EXPECT_FALSE(fetch_channel(self.get(), 1'000'000));
  Fd file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(fetch_channel(self.get(), file.get())) << "that is no socket";
}

}  // namespace
}  // namespace keeper
