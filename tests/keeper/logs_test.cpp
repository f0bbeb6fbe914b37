// The log: complete, in order, whole lines, whatever ends or grows meanwhile.
#include <signal.h>
#include <unistd.h>

#include "tests/keeper/support/log_texts.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

/// "line 1" to "line N", so many times.
string floods(int lines, int times) {
  string one, out;
  for (int i = 1; i <= lines; ++i)
    one += "line " + std::to_string(i) + "\n";
  for (int i = 0; i < times; ++i)
    out += one;
  return out;
}

TEST(Log, OfAFastWriterIsCompleteOverSeveralRuns) {
  Sandbox box;
  Outcome out = box.keeper({"-n", "job", "--start-secs", "0", "--backoff", "none", "--max-restarts", "2",
                            child("floods"), "200000"});
  EXPECT_EQ(1, out.code) << out.err;
  expect_same(floods(200'000, 3), output_in(box.log("job")));
  EXPECT_EQ(3, count_of(box.log("job"), " ended with code 0 "));
}

TEST(Log, EndsAnUnfinishedLineBeforeItsOwn) {
  Sandbox box;
  box.keeper({"-n", "job", "--start-secs", "0", "--backoff", "none", "--max-restarts", "1", child("partial"),
              "3", "half a line"});
  auto lines = lines_of(box.log("job"));
  ASSERT_EQ(6u, lines.size()) << box.log("job");
  EXPECT_EQ("half a line", lines[1]);
  EXPECT_TRUE(lines[2].starts_with("[keeper] ") && has(lines[2], "ended with code 3")) << lines[2];
  EXPECT_EQ("half a line", lines[4]);
}

TEST(Log, HasNoLinesOfKeeperWhereTheyAreNotWanted) {
  Sandbox box;
  box.keeper({"-n", "job", "--restart", "never", "--log-markers", "false", "echo", "only this"});
  EXPECT_EQ("only this\n", box.log("job"));
}

TEST(Log, IsWhereTheUserWantsIt) {
  Sandbox box;
  box.keeper({"-n", "job", "--restart", "never", "--log", "deep/er/out.log", "echo", "here"});
  EXPECT_EQ("here\n", output_in(read_text(box.work() / "deep/er/out.log")));
  EXPECT_FALSE(fs::exists(box.log_path("job")));
  EXPECT_TRUE(has(box.ctl({"logs", "job"}).out, "here\n"));
}

TEST(Log, IsNoneWhereNoneIsWanted) {
  Sandbox box;
  Outcome out = box.keeper({"-n", "job", "--restart", "never", "--log", "none", "echo", "shown only"});
  EXPECT_EQ("shown only\n", out.out);
  EXPECT_FALSE(fs::exists(box.log_path("job")));
  EXPECT_FALSE(fs::exists(box.work() / "none"));
}

TEST(Log, ADashIsKeepersOwnOutputAlone) {
  Sandbox box;
  Outcome out = box.keeper({"-n", "job", "--restart", "never", "--log", "-", child("floods"), "1000"});
  expect_same(floods(1000, 1), out.out);
  EXPECT_FALSE(fs::exists(box.log_path("job")));
  EXPECT_FALSE(fs::exists(box.work() / "-"));
}

TEST(Rotation, LosesAndCutsNoLine) {
  Sandbox box;
  box.keeper({"-n", "job", "--restart", "never", "--log-max-size", "64K", "--log-backups", "100",
              child("floods"), "100000"});
  auto files = files_of(box.log_path("job"));
  EXPECT_GT(files.size(), 10u);
  for (const fs::path& file : files) {
    string text = read_text(file);
    EXPECT_TRUE(text.empty() || text.ends_with('\n')) << file;
    EXPECT_LT(text.size(), 64u * 1024 + 100) << file;
  }
  expect_same(floods(100'000, 1), output_in(all_of(box.log_path("job"))));
}

TEST(Rotation, KeepsTheNewestBackups) {
  Sandbox box;
  box.keeper({"-n", "job", "--restart", "never", "--log-max-size", "16K", "--log-backups", "2",
              child("floods"), "20000"});
  EXPECT_EQ(3u, files_of(box.log_path("job")).size());
  string kept = output_in(all_of(box.log_path("job"))), all = floods(20'000, 1);
  EXPECT_GT(kept.size(), 30'000u);
  EXPECT_TRUE(all.ends_with(kept)) << "what is kept is not the end of the output";
}

TEST(Follow, ShowsEveryLineOnceAcrossRestartsAndRotations) {
  Sandbox box;
  constexpr int runs = 4;
  box.detach("job",
             {"--start-secs", "0", "--backoff", "none", "--log-max-size", "16K", "--log-backups", "200", "sh",
              "-c", "while ! [ -e go ]; do sleep 0.02; done; exec " + child("floods") + " 3000 wait"});
  Background follow = box.start({{program("ctl"), "logs", "-f", "-n", "all", "job"}});
  EVENTUALLY(has(follow.out(), "started pid"));
  write_text(box.work() / "go", "");
  for (int run = 1; run <= runs; ++run) {
    EVENTUALLY(count_of(follow.out(), "line 3000\n") == run);
    int pid = box.pid("job");
    if (run < runs) kill(pid, SIGKILL);
  }
  EXPECT_GT(files_of(box.log_path("job")).size(), 4u);
  expect_same(floods(3000, runs), output_in(follow.out()));
  expect_same(all_of(box.log_path("job")), follow.out());
  follow.signal(SIGKILL);
}

}  // namespace
}  // namespace keeper
