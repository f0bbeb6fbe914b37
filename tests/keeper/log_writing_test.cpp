// What a program writes is in its log: all of it, once, in order, in every format.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>

#include "tests/keeper/support/log_texts.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

/// Keeps a Python program that is written here; `os`, `sys` and `time` are imported, `put` writes bytes at
/// once.
Words python(const string& program) {
  return {"python3", "-c",
          "import os, sys, time\n"
          "def put(bytes, fd=1):\n"
          "  while bytes: bytes = bytes[os.write(fd, bytes):]\n" +
              program};
}

Words operator+(Words first, const Words& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

class Format : public testing::TestWithParam<const char*> {
 protected:
  /// Runs it once, also for detach().
  Words one_run(const Words& more) const {
    return Words{"-n", "job", "--restart", "never", "--log-format", GetParam()} + more;
  }
  bool is(const char* format) const { return string(GetParam()) == format; }
  /// What the program wrote, of what is in the log.
  string written(const string& log) const { return is("raw") ? output_in(log) : texts_in(log); }
};
INSTANTIATE_TEST_SUITE_P(Log, Format, testing::Values("raw", "time", "json"),
                         [](const auto& format) { return string(format.param); });

TEST_P(Format, OfAFastWriterIsCompleteOverItsRotations) {
  constexpr int lines = 300'000;
  Sandbox box;
  box.detach("job", one_run({"--start-secs", "0", "--log-max-size", "1M", "--log-backups", "200"}) +
                        Words{"seq", "-f", "%099.0f", "1", std::to_string(lines)});
  EVENTUALLY(box.ended("job"));
  auto files = files_of(box.log_path("job"));
  EXPECT_GT(files.size(), 25u);
  for (const fs::path& file : files)
    EXPECT_TRUE(fs::file_size(file) == 0 || read_text(file).ends_with('\n')) << file;
  expect_same(numbered(1, lines), written(all_of(box.log_path("job"))));
}

/// Whether a file goes on with "line N" for each N from `next` on, each a whole line of its own; counts on.
bool goes_on(const string& text, bool has_own_lines, long& next) {
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = text.find('\n', at);
    if (end == string::npos) return false;
    std::string_view line(text.data() + at, end - at);
    at = end + 1;
    bool own = has_own_lines && line.find("[keeper] ") != string::npos;
    if (own || line.find("\"stream\":\"keeper\"") != string::npos) continue;
    std::size_t number = line.find("line ");
    if (number == string::npos || std::strtol(line.data() + number + 5, nullptr, 10) != next) return false;
    ++next;
  }
  return true;
}

/// How much of `copy` is what these files hold one after the other; all of it, if nothing differs.
std::uintmax_t same_bytes(const std::vector<fs::path>& files, const fs::path& copy) {
  std::ifstream other(copy, std::ios::binary);
  std::uintmax_t same = 0;
  for (const fs::path& file : files) {
    string text = read_text(file), there(text.size(), '\0');
    other.read(there.data(), static_cast<std::streamsize>(there.size()));
    if (text != there) return same;
    same += text.size();
  }
  return same;
}

// At the size of 10 MB, and every 100 ms besides.
TEST_P(Format, OfMillionsOfLinesIsCompleteAndSoIsTheCopyOfWhoFollows) {
  const long lines = sanitized() ? 300'000 : is("raw") ? 10'000'000 : 3'000'000;
  Sandbox box;
  box.detach("job", Words{"--restart", "never", "--start-secs", "0", "--log-max-size", "10M", "--log-backups",
                          "1000", "--log-format", GetParam(), "sh", "-c",
                          "until [ -e go ]; do sleep 0.01; done; exec \"$0\" " + std::to_string(lines),
                          child("floods")});
  fs::path copy = box.work() / "copy";
  Fd out(open(copy.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  Start how{{program("ctl"), "logs", "-f", "-n", "all", "job"}};
  how.out = out.get();
  Background follow = box.start(how);
  EVENTUALLY(fs::file_size(copy) > 0);
  write_text(box.work() / "go", "");
  int rotations = 0;
  for (Millis next = now(); !box.ended("job");) {
    if (now() < next) continue;
    next = now() + Millis(100);
    rotations += box.ctl({"rotate", "job"}).code == 0;
  }
  if (!sanitized()) {
    EXPECT_GT(rotations, 1);  // fewer lines are over too soon
  }
  auto files = files_of(box.log_path("job"));
  std::uintmax_t size = 0;
  for (const fs::path& file : files)
    size += fs::file_size(file);
  EXPECT_TRUE(eventually([&] { return fs::file_size(copy) == size; }, Millis(60'000)))
      << fs::file_size(copy) << size;
  long next = 1;
  for (const fs::path& file : files)
    EXPECT_TRUE(goes_on(read_text(file), !is("json"), next)) << file << ", line " << next;
  EXPECT_EQ(lines + 1, next);
  EXPECT_EQ(size, same_bytes(files, copy));
  follow.signal(SIGKILL);
}

TEST_P(Format, IsTheSameForWhoFollowsWhileItIsRotatedAgainAndAgain) {
  constexpr int lines = 50'000;
  Sandbox box;
  string paced =
      "while not os.path.exists('go'): time.sleep(0.01)\n"
      "all = b''.join(b'%099d\\n' % i for i in range(1, " +
      std::to_string(lines + 1) +
      "))\n"
      "for at in range(0, len(all), 98765):\n"
      "  put(all[at:at + 98765])\n"
      "  time.sleep(0.02)\n";
  box.detach("job", Words{"--restart", "never", "--start-secs", "0", "--log-max-size", "1M", "--log-backups",
                          "1000", "--log-format", GetParam()} +
                        python(paced));
  Background follow = box.start({{program("ctl"), "logs", "-f", "-n", "all", "job"}});
  EVENTUALLY(has(follow.out(), "started pid"));
  write_text(box.work() / "go", "");
  int rotations = 0;
  while (!box.ended("job"))
    rotations += box.ctl({"rotate", "job"}).code == 0;
  EXPECT_GT(rotations, 3);
  EVENTUALLY(has(follow.out(), "ended with code 0"));
  string log = all_of(box.log_path("job"));
  expect_same(numbered(1, lines), written(log));
  expect_same(log, follow.out());
  follow.signal(SIGKILL);
}

TEST_P(Format, TakesAByteAtATime) {
  Sandbox box;
  box.keeper(
      one_run(python("for byte in b'one\\ntwo and more\\n\\nthree\\n':\n"
                     "  os.write(1, bytes([byte]))\n"
                     "  time.sleep(0.005)\n")));
  EXPECT_EQ("one\ntwo and more\n\nthree\n", written(box.log("job")));
}

TEST_P(Format, DoesNotMakeALongLineWait) {
  Sandbox box;
  box.keeper(one_run(python("put(b'y' * (10 << 20) + b'\\nend\\n')\n")));
  string log = box.log("job"), all;
  for (const string& line : lines_of(is("raw") ? output_in(log) : log)) {
    if (has(line, "started pid") || has(line, "ended with code")) continue;
    if (!is("raw")) {
      EXPECT_LT(line.size(), 70'000u);
    }
    string text = is("raw") ? line : text_of(line);
    if (text.starts_with("[continued] ")) text.erase(0, 12);
    if (text.ends_with(" [partial]")) text.resize(text.size() - 10);
    all += text;
  }
  expect_same(string(10 << 20, 'y') + "end", all);
}

// Pieces of half a page and a little fill a pipe with half of what it can hold.
TEST_P(Format, DoesNotLetAWriterOfOddPiecesWait) {
  Sandbox box;
  Outcome out =
      box.keeper(one_run(python("before = time.monotonic()\n"
                                "for i in range(100): os.write(1, b'z' * 2049)\n"
                                "os.write(1, b'\\n')\n"
                                "sys.exit(time.monotonic() - before > 5)\n")));
  EXPECT_EQ(0, out.code) << "it had to wait";
  EXPECT_EQ(204'900, count_of(box.log("job"), "z"));
}

TEST_P(Format, LosesNoByteThatIsNoText) {
  Sandbox box;
  box.keeper(one_run(python("put(b'a\\0b\\n\\xff\\xfe\\nc\\r\\n\\xc3\\xa9\\n')\n")));
  string log = box.log("job");
  if (is("raw")) {
    EXPECT_EQ(string("a\0b\n\xff\xfe\nc\r\n\xc3\xa9\n", 13), output_in(log));
  }
  if (is("time")) {
    EXPECT_EQ(string("a\0b\n\xff\xfe\nc\r\n\xc3\xa9\n", 13), texts_in(log));
  }
  if (!is("json")) return;
  EXPECT_TRUE(has(log, R"("msg":"a\u0000b"})")) << log;
  EXPECT_TRUE(has(log, R"("base64":"//4="})")) << log;
  EXPECT_TRUE(has(log, R"("msg":"c\r"})")) << log;
  EXPECT_TRUE(has(log, "\"msg\":\"\xc3\xa9\"}")) << log;
}

TEST_P(Format, MarksALineThatItsRunDidNotEnd) {
  Sandbox box;
  box.keeper(one_run({child("partial"), "3", "half a line"}));
  auto lines = lines_of(box.log("job"));
  ASSERT_EQ(3u, lines.size()) << box.log("job");
  if (is("raw")) {
    EXPECT_EQ("half a line", lines[1]);
  }
  if (is("time")) {
    EXPECT_EQ("half a line [partial]", text_of(lines[1]));
  }
  if (is("json")) {
    EXPECT_TRUE(has(lines[1], R"("partial":true,"msg":"half a line"})")) << lines[1];
  }
  EXPECT_TRUE(has(lines[2], "ended with code 3")) << lines[2];
}

TEST_P(Format, DoesNotWaitForTheEndOfALineForLong) {
  Sandbox box;
  box.detach("job", Words{"--start-secs", "0", "--log-format", GetParam()} +
                        python("put(b'pass')\n"
                               "while not os.path.exists('go'): time.sleep(0.01)\n"
                               "put(b'word\\nnext\\n')\n"
                               "time.sleep(1000)\n"));
  EVENTUALLY(box.logged("job", "pass"));
  write_text(box.work() / "go", "");
  EVENTUALLY(box.logged("job", "next"));
  string log = box.log("job");
  if (is("raw")) {
    EXPECT_TRUE(has(log, "password\nnext\n")) << log;
  }
  if (is("time")) {
    EXPECT_TRUE(has(log, " pass [partial]\n") && has(log, " [continued] word\n")) << log;
  }
  if (is("json")) {
    EXPECT_TRUE(has(log, R"("partial":true,"msg":"pass"})")) << log;
  }
  if (is("json")) {
    EXPECT_TRUE(has(log, R"("continued":true,"msg":"word"})")) << log;
  }
}

/// User and system time of a process, in hundredths of a second.
long ticks_of(int pid) {
  string text = read_text("/proc/" + std::to_string(pid) + "/stat");
  long user = 0, system = 0;
  auto after = text.rfind(')');
  if (after == string::npos) return 0;
  sscanf(text.c_str() + after, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system);
  return user + system;
}

TEST(Log, DoesNotWorkWhileALineHasNoEnd) {
  Sandbox box;
  box.detach("job", Words{"--start-secs", "0", "--log-format", "time"} + python("for i in range(30):\n"
                                                                                "  put(b'.')\n"
                                                                                "  time.sleep(0.1)\n"
                                                                                "put(b'\\nend\\n')\n"
                                                                                "time.sleep(1000)\n"));
  int pid = box.keeper_pid("job");
  long before = ticks_of(pid);
  EVENTUALLY(box.logged("job", "end"));
  EXPECT_LT(ticks_of(pid) - before, 50) << "hundredths of a second";
}

TEST(Log, JoinsAStackTraceToOneRecord) {
  const string program =
      "put(b'ready\\nTrouble: here\\n  at one\\n')\n"
      "time.sleep(0.05)\n"
      "put(b'  at two\\nnext\\n  of next')\n";
  for (const char* format : {"time", "json"}) {
    Sandbox box;
    box.keeper(Words{"-n", "job", "--restart", "never", "--log-format", format, "--log-join", "^[^ ]"} +
               python(program));
    string log = box.log("job");
    if (string(format) == "json") {
      EXPECT_TRUE(has(log, R"("msg":"ready"})")) << log;
      EXPECT_TRUE(has(log, R"("msg":"Trouble: here\n  at one\n  at two"})")) << log;
      EXPECT_TRUE(has(log, R"("partial":true,"msg":"next\n  of next"})")) << log;
    } else {
      EXPECT_TRUE(has(log, " ready\n")) << log;
      EXPECT_TRUE(has(log, " Trouble: here\n  at one\n  at two\n")) << log;
      EXPECT_TRUE(has(log, " next\n  of next [partial]\n")) << log;
    }
    EXPECT_TRUE(has(lines_of(log).back(), "ended with code 0")) << log;
  }
}

TEST(Log, HasWhatAGrandchildWritesAfterTheEndOfItsParent) {
  Sandbox box;
  box.detach("job",
             {"--start-secs", "0", "--kill-mode", "process", "--restart-delay", "1000s", "sh", "-c",
              "(while ! [ -e go ]; do sleep 0.02; done; echo from the grandchild) & echo main; sleep 0.3"});
  EVENTUALLY(box.logged("job", " ended with code 0 "));
  write_text(box.work() / "go", "");
  EVENTUALLY(box.logged("job", "from the grandchild\n"));
}

TEST(Log, IsDiscardedWhereNoneIsWanted) {
  Sandbox box;
  box.detach("job", {"--start-secs", "0", "--log", "none", "sh", "-c",
                     child("floods") + " 100000; touch done; exec sleep 1000"});
  EVENTUALLY(fs::exists(box.work() / "done"));
  EXPECT_FALSE(fs::exists(box.log_path("job")));
}

// --- the index of its times

string utc(std::chrono::system_clock::time_point at) {
  std::time_t seconds = std::chrono::system_clock::to_time_t(at);
  char text[32];
  strftime(text, sizeof text, "%FT%TZ", gmtime(&seconds));
  return text;
}

TEST(TimeIndex, FindsALineOfARawLogByItsTimeAlsoInABackup) {
  Sandbox box;
  box.detach("job", {"--start-secs", "0", "--log-markers", "false", "sh", "-c",
                     "echo early; while ! [ -e go ]; do sleep 0.02; done; echo late; exec sleep 1000"});
  EVENTUALLY(box.logged("job", "early"));
  auto early = std::chrono::system_clock::now();
  EVENTUALLY(std::chrono::system_clock::now() - early > std::chrono::milliseconds(3200));
  string since = utc(early + std::chrono::seconds(2));
  write_text(box.work() / "go", "");
  EVENTUALLY(box.logged("job", "late"));
  EXPECT_TRUE(fs::exists(box.log_path("job").string() + ".idx"));
  EXPECT_EQ("late\n", box.ctl({"logs", "job", "--since", since}).out);
  EXPECT_EQ(0, box.ctl({"rotate", "job"}).code);
  EXPECT_TRUE(fs::exists(box.log_path("job").string() + ".1.idx"));
  EXPECT_EQ("late\n", box.ctl({"logs", "job", "--since", since}).out);
}

// --- the pipe

int pipe_size_of(int pid) {
  Fd pipe(open(("/proc/" + std::to_string(pid) + "/fd/1").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  return fcntl(pipe.get(), F_GETPIPE_SZ);
}

string wake_ups_of(int pid) {
  for (const string& line : lines_of(read_text("/proc/" + std::to_string(pid) + "/status")))
    if (line.starts_with("voluntary_ctxt_switches:")) return line;
  return "";
}

TEST(OutputPipe, GrowsUnderLoadAndShrinksAfterwardsAndThenNothingWakes) {
  Sandbox box;
  box.detach("job", {"--start-secs", "0", "--log-max-size", "1M", "--log-backups", "1", "sh", "-c",
                     "while ! [ -e enough ]; do " + child("floods") + " 1000000; done; exec sleep 1000"});
  int keeper_pid = box.keeper_pid("job"), pid = box.pid("job");
  EVENTUALLY(pipe_size_of(pid) == 1 << 20);
  write_text(box.work() / "enough", "");
  EVENTUALLY(pipe_size_of(pid) == 64 << 10);
  auto is_idle = [&] {
    string before = wake_ups_of(keeper_pid);
    usleep(3'000'000);  // that nothing happens shows in time only
    return before == wake_ups_of(keeper_pid);
  };
  EVENTUALLY(is_idle());
}

}  // namespace
}  // namespace keeper
