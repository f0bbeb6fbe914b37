// Following a log on the wire: `logs` with `follow`.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>

#include "protocol/base/line_buffer.hpp"
#include "tests/keeper/support/sandbox.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

/// A client that reads when it is told to.
class Reader {
 public:
  Reader(const Sandbox& box, const string& stem, std::uint64_t lines)
      : client_(std::move(*Client::connect(box.open_home(), stem))) {
    GetLogs request;
    request.lines = lines;
    request.follow = true;
    string line = request_line(1, request);
    EXPECT_EQ(static_cast<ssize_t>(line.size()), send(client_.fd(), line.data(), line.size(), 0));
  }
  /// Takes what is there.
  void take() {
    char chunk[16 * 1024];
    for (ssize_t got; (got = recv(client_.fd(), chunk, sizeof chunk, MSG_DONTWAIT)) >= 0;) {
      if (got == 0) closed = true;
      if (got == 0) return;
      lines_.add({chunk, static_cast<std::size_t>(got)});
      while (auto line = lines_.next())
        take(*line);
    }
  }
  /// Until something comes, or for a millisecond.
  void wait_a_little() const {
    pollfd polled{client_.fd(), POLLIN, 0};
    poll(&polled, 1, 1);
  }
  const string& taken() {
    take();
    return text;
  }

  std::optional<LogLines> first;
  string text;  ///< all lines, of the reply too
  std::uint64_t count = 0, dropped = 0;
  bool closed = false;

 private:
  void add(const std::vector<string>& lines, bool partial) {
    for (const string& line : lines)
      text += line + (partial && &line == &lines.back() ? "" : "\n");
    count += lines.size();
  }
  void take(std::string_view line) {
    if (!first) {
      auto reply = decode_reply(line);
      ASSERT_TRUE(reply && !reply->error) << line;
      first = *read_as<LogLines>(reply->result);
      return add(first->lines, false);
    }
    auto json = decode_log(line);
    ASSERT_TRUE(json) << line.substr(0, 500);
    auto lines = read_as<NewLines>(*json);
    ASSERT_TRUE(lines);
    EXPECT_EQ(first->stream, lines->stream);
    dropped += lines->dropped.value_or(0);
    add(lines->lines, lines->partial);
  }
  Client client_;
  LineBuffer lines_{4 << 20};
};

/// What waits for a file `go` in its directory, and then does this.
Words after_go(const string& what) {
  return {"sh", "-c", "while ! [ -e go ]; do sleep 0.02; done; " + what};
}

Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// All files of the log, oldest first.
string all_of(const fs::path& log) {
  string out;
  for (int i = 300; i > 0; --i)
    out += read_text(log.string() + "." + std::to_string(i));
  return out + read_text(log);
}

TEST(LogFeed, GivesEveryLineOnceAcrossRestartsAndRotations) {
  Sandbox box;
  constexpr int runs = 3;
  box.detach("job", Words{"--start-secs", "0", "--backoff", "none", "--log-max-size", "16K", "--log-backups",
                          "200"} +
                        after_go("exec " + child("floods") + " 3000 wait"));
  Reader reader(box, "job", 5000);
  EVENTUALLY(has(reader.taken(), "started pid"));
  write_text(box.work() / "go", "");
  for (int run = 1; run <= runs; ++run) {
    EVENTUALLY(count_of(reader.taken(), "line 3000\n") == run);
    if (run < runs) kill(box.pid("job"), SIGKILL);
  }
  EXPECT_TRUE(fs::exists(box.log_path("job").string() + ".4"));
  EXPECT_TRUE(all_of(box.log_path("job")) == reader.text) << reader.text.size();
  EXPECT_EQ(0u, reader.dropped);
  box.ctl({"stop", "job"});
  EVENTUALLY(reader.taken(), reader.closed);
  EXPECT_TRUE(all_of(box.log_path("job")) == reader.text) << "its last word";
}

TEST(LogFeed, SendsALineOnceAlsoOneThatHadBegun) {
  Sandbox box;
  box.detach("job", {"sh", "-c",
                     "printf 'caf\\351\\nhalf'; while ! [ -e go ]; do sleep 0.02; done; echo ' a line'; "
                     "exec sleep 1000"});
  EVENTUALLY(box.log("job").ends_with("half"));
  Reader reader(box, "job", 1), later(box, "job", 0);
  EVENTUALLY(reader.take(), later.take(), reader.first && later.first);
  EXPECT_EQ(0u, later.count);
  write_text(box.work() / "go", "");
  EVENTUALLY(reader.take(), later.take(), reader.count == 1 && later.count == 1);
  EXPECT_EQ("half a line\n", reader.text);
  EXPECT_EQ("half a line\n", later.text);
}

TEST(LogFeed, CarriesBytesThatAreNoTextAndVeryLongLines) {
  Sandbox box;
  box.detach("job", after_go("printf 'caf\\351\\n'; head -c 200000 /dev/zero | tr '\\0' x; echo; echo end; "
                             "exec sleep 1000"));
  Reader reader(box, "job", 0);
  EVENTUALLY(reader.take(), reader.first.has_value());
  write_text(box.work() / "go", "");
  EVENTUALLY(has(reader.taken(), "end\n"));
  EXPECT_TRUE("caf\xE9\n" + string(200'000, 'x') + "\nend\n" == reader.text) << reader.text.size();
}

/// A machine that is busy may delay any one of them, but not all.
TEST(LogFeed, HasALineOfAnIdleProgramWithinFiveMillisecondsAndSoHasItsFile) {
  Sandbox box;
  const fs::path said = box.work() / "said";
  ASSERT_EQ(0, mkfifo(said.c_str(), 0600));
  box.detach("job", {"sh", "-c", "exec cat <>said"});
  Reader reader(box, "job", 0);
  EVENTUALLY(reader.take(), reader.first.has_value());
  Fd writing(open(said.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(writing);
  Fd file(open(box.log_path("job").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(file);
  auto size = [&] {
    struct stat st {};
    return fstat(file.get(), &st) == 0 ? st.st_size : 0;
  };
  using Clock = std::chrono::steady_clock;
  Clock::duration best_in_file = kLimit, best_followed = kLimit;
  for (int i = 0; i < 20; ++i) {
    const Millis quiet_since = now();
    EVENTUALLY(now() - quiet_since > Millis(50));
    const string line = "number " + std::to_string(i) + "\n";
    const off_t before = size();
    const Clock::time_point since = Clock::now();
    ASSERT_EQ(static_cast<ssize_t>(line.size()), write(writing.get(), line.data(), line.size()));
    std::optional<Clock::duration> in_file, followed;
    while (!(in_file && followed) && Clock::now() - since < kLimit) {
      if (!in_file && size() > before) in_file = Clock::now() - since;
      if (!followed && has(reader.taken(), line)) followed = Clock::now() - since;
      if (!(in_file && followed)) reader.wait_a_little();
    }
    ASSERT_TRUE(in_file && followed) << line;
    best_in_file = std::min(best_in_file, *in_file);
    best_followed = std::min(best_followed, *followed);
  }
  EXPECT_LT(best_in_file, Millis(5));
  EXPECT_LT(best_followed, Millis(5));
}

TEST(LogFeed, TellsOneThatDoesNotReadHowMuchItMissed) {
  Sandbox box;
  box.detach("job", after_go("exec " + child("floods") + " 500000 wait"));
  Reader reader(box, "job", 0);
  EVENTUALLY(reader.take(), reader.first.has_value());
  write_text(box.work() / "go", "");
  EVENTUALLY(has(box.log("job"), "line 500000\n"));
  // Its patience has an end, and its loop went on since.
  Millis since = now();
  EVENTUALLY(now() - since > Millis(3000) && box.status("job")->state == State::running);
  EVENTUALLY(reader.take(), reader.dropped > 0);
  EVENTUALLY(reader.take(), reader.count + reader.dropped == 500'000);
  EXPECT_TRUE(reader.text.starts_with("line 1\nline 2\n"));
  int pid = box.pid("job");
  kill(pid, SIGKILL);  // and it hears of what comes then
  EVENTUALLY(has(reader.taken(), "started pid"));
}

TEST(LogFeed, LeavesNothingBehindWhenItsClientGoes) {
  Sandbox box;
  box.detach("job", {"sleep", "1000"});
  auto descriptors = [&] {
    fs::directory_iterator all("/proc/" + std::to_string(box.keeper_pid("job")) + "/fd");
    return std::distance(begin(all), end(all));
  };
  auto before = descriptors();
  {
    Reader reader(box, "job", 1);
    EVENTUALLY(reader.take(), reader.first.has_value());
    EXPECT_GT(descriptors(), before + 1);
  }
  EVENTUALLY(descriptors() == before);
}

}  // namespace
}  // namespace keeper
