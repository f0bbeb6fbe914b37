// The files of logs: streams apart, packed backups, and what others do with them.
#include <signal.h>
#include <unistd.h>

#include "tests/keeper/support/log_texts.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

string path_of(const Sandbox& box, const string& end) {
  return box.log_path("job").string() + end;
}

// --- instances

TEST(Instances, HaveALogOfTheirOwnEach) {
  Sandbox box;
  fs::path log = box.work() / "x.log", error_log = box.work() / "x.err";
  box.detach("web",
             {"-i", "2", "--log-markers", "false", "--log", log.string(), "--error-log", error_log.string(),
              "sh", "-c", "echo out $KEEPER_INSTANCE; echo err $KEEPER_INSTANCE >&2; exec sleep 1000"});
  EVENTUALLY(read_text(log) == "out 0\n" && read_text(error_log) == "err 0\n");
  EVENTUALLY(read_text(log.string() + ":1") == "out 1\n" &&
             read_text(error_log.string() + ":1") == "err 1\n");
}

TEST(Instances, ShareWhatIsNoFile) {
  Sandbox box;
  box.detach("web", {"-i", "2", "--log", "/dev/null", "sleep", "1000"});
  EXPECT_EQ("/dev/null", box.status("web:1")->logs.front().path);
}

// --- streams

/// "out N" and "err N" in turns.
Words in_turns(int count) {
  return {"python3", "-c",
          "import os\nfor i in range(" + std::to_string(count) +
              "):\n"
              "  os.write(1, b'out %d\\n' % i)\n"
              "  os.write(2, b'err %d\\n' % i)\n"};
}

string turns(int count, bool out, bool err) {
  string text;
  for (int i = 0; i < count; ++i) {
    if (out) text += "out " + std::to_string(i) + "\n";
    if (err) text += "err " + std::to_string(i) + "\n";
  }
  return text;
}

/// Runs it once, with options; ended when this returns.
void run_once(Sandbox& box, Words options, const Words& program) {
  options.insert(options.begin(), {"--restart", "never", "--start-secs", "0"});
  options.insert(options.end(), program.begin(), program.end());
  box.detach("job", options);
  EVENTUALLY(box.ended("job"));
}

TEST(Streams, InOnePipeKeepTheirOrder) {
  Sandbox box;
  run_once(box, {}, in_turns(2000));
  expect_same(turns(2000, true, true), output_in(box.log("job")));
}

TEST(Streams, ApartHaveALogEach) {
  Sandbox box;
  run_once(box, {"--error-log", "apart", "--log-markers", "false"}, in_turns(2000));
  expect_same(turns(2000, true, false), box.log("job"));
  expect_same(turns(2000, false, true), read_text(box.home() / "logs/job.err.log"));
  expect_same(turns(2000, true, false), box.ctl({"logs", "job", "--out", "-n", "all"}).out);
  expect_same(turns(2000, false, true), box.ctl({"logs", "job", "--err", "-n", "all"}).out);
  auto logs = box.status("job")->logs;
  ASSERT_EQ(2u, logs.size());
  EXPECT_EQ("out", logs[0].stream);
  EXPECT_EQ("err", logs[1].stream);
  EXPECT_EQ(path_of(box, ""), logs[0].path);
  EXPECT_EQ((box.home() / "logs/job.err.log").string(), logs[1].path);
  EXPECT_EQ(turns(2000, false, true).size(), logs[1].bytes);
}

TEST(Streams, ApartAtAPathOrNowhere) {
  Sandbox box;
  run_once(box, {"--error-log", "bad/err.txt"}, in_turns(10));
  EXPECT_EQ(turns(10, true, false), output_in(box.log("job")));
  EXPECT_EQ(turns(10, false, true), output_in(read_text(box.work() / "bad/err.txt")));
  Sandbox other;
  run_once(other, {"--error-log", "none"}, in_turns(10));
  EXPECT_EQ(turns(10, true, false), output_in(other.log("job")));
  EXPECT_EQ(1u, other.status("job")->logs.size());
  Sandbox third;
  run_once(third, {"--log", "none", "--error-log", "err.txt"}, in_turns(10));
  EXPECT_EQ(turns(10, false, true), output_in(read_text(third.work() / "err.txt")));
}

TEST(Streams, ADashForErrorsShowsThemOnly) {
  Sandbox box;
  Words words = {"-n", "job", "--restart", "never", "--error-log", "-"};
  for (const string& word : in_turns(10))
    words.push_back(word);
  Outcome out = box.keeper(words);
  EXPECT_EQ(turns(10, true, false), out.out);
  EXPECT_TRUE(has(out.err, "err 9\n")) << out.err;
  EXPECT_EQ(turns(10, true, false), output_in(box.log("job")));
}

TEST(Streams, ApartInOneRawLogKeepTheirOrderAsIfTheyWereNot) {
  Sandbox box;
  run_once(box, {"--log", "both.log", "--error-log", "both.log"}, in_turns(2000));
  expect_same(turns(2000, true, true), output_in(read_text(box.work() / "both.log")));
}

TEST(Streams, ApartInOneJsonLogAreToldByTheirLines) {
  Sandbox box;
  run_once(box, {"--log-format", "json", "--log", "both.log", "--error-log", "both.log"}, in_turns(500));
  string out, err;
  for (const string& line : lines_of(read_text(box.work() / "both.log"))) {
    if (has(line, R"("stream":"out")")) out += text_of(line) + "\n";
    if (has(line, R"("stream":"err")")) err += text_of(line) + "\n";
  }
  expect_same(turns(500, true, false), out);
  expect_same(turns(500, false, true), err);
  auto logs = box.status("job")->logs;
  ASSERT_EQ(1u, logs.size());
  EXPECT_EQ("all", logs[0].stream);
  EXPECT_EQ(500, count_of(box.ctl({"logs", "job", "--err", "-n", "all"}).out, "err "));
}

// --- what others do with the file

TEST(LogFile, ThatWasRenamedIsLeftWithinASecond) {
  Sandbox box;
  box.detach("job", {"sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"});
  EVENTUALLY(box.logged("job", "\n3\n"));
  fs::rename(box.log_path("job"), path_of(box, ".away"));
  EVENTUALLY(lines_of(box.log("job")).size() > 3);
  auto lines = lines_of(output_in(read_text(path_of(box, ".away")) + box.log("job")));
  for (std::size_t i = 0; i < lines.size(); ++i)
    ASSERT_EQ(std::to_string(i + 1), lines[i]);
}

/// Noticed by a watch of the file, which each keeper and each file of the log has anew.
TEST(LogFile, ThatWasRenamedIsLeftAfterARotationAndATakeoverToo) {
  Sandbox box;
  box.detach("job", {"sh", "-c", "while :; do echo tick; sleep 0.02; done"});
  EVENTUALLY(box.logged("job", "tick"));
  EXPECT_EQ(0, box.ctl({"rotate", "job"}).code);
  for (const char* away : {".rotated", ".taken over"}) {
    EVENTUALLY(box.logged("job", "tick"));
    fs::rename(box.log_path("job"), path_of(box, away));
    EVENTUALLY(box.logged("job", "tick"));
    const auto size = fs::file_size(path_of(box, away));
    std::this_thread::sleep_for(Millis(100));
    EXPECT_EQ(size, fs::file_size(path_of(box, away)));
    const pid_t keeper = box.status("job")->keeper_pid.value_or(0);
    kill(keeper, SIGKILL);
    EVENTUALLY(box.status("job")->keeper_pid != keeper);
  }
}

// --- packing

string unpacked(Sandbox& box, const string& path) {
  Outcome out = box.run({{"gzip", "-dc", path}});
  EXPECT_EQ(0, out.code) << out.err;
  return out.out;
}

/// Of all files, oldest first.
string all_unpacked(Sandbox& box) {
  string out;
  for (int i = 50; i > 0; --i) {
    string path = path_of(box, "." + std::to_string(i));
    if (fs::exists(path + ".gz")) out += unpacked(box, path + ".gz");
    if (fs::exists(path)) out += read_text(path);
  }
  return out + box.log("job");
}

/// No plain backup, and nothing half done.
bool all_packed(const Sandbox& box) {
  for (const auto& entry : fs::directory_iterator(box.home() / "logs")) {
    string name = entry.path().filename();
    if (name != "job.log" && name != "job.log.idx" && !name.ends_with(".gz")) return false;
  }
  return fs::exists(path_of(box, ".1.gz"));
}

TEST(Packing, KeepsContentAndOrderOfBackups) {
  Sandbox box;
  box.detach("job", {"--start-secs", "0", "--log-compress", "--log-max-size", "1M", "--log-backups", "50",
                     "sh", "-c", "seq -f %099.0f 1 100000; exec sleep 1000"});
  EVENTUALLY(has(box.log("job"), numbered(100'000, 100'000)) && all_packed(box));
  expect_same(numbered(1, 100'000), output_in(all_unpacked(box)));
  expect_same(all_unpacked(box), box.ctl({"logs", "job", "-n", "all"}).out);
}

TEST(Packing, ThatWasBrokenOffByTheEndOfItsKeeperIsDoneByTheNextOne) {
  Sandbox box;
  const Words words = {"--start-secs",
                       "0",
                       "--log-compress",
                       "--log-max-size",
                       "8M",
                       "sh",
                       "-c",
                       "[ -e again ] || head -c 7000000 /dev/urandom | base64; touch again; exec sleep 1000"};
  box.detach("job", words);
  auto begun = [&] {
    std::error_code none;
    auto size = fs::file_size(path_of(box, ".gz.tmp"), none);
    return !none && size > 0;
  };
  EVENTUALLY(begun());
  const int keeper_pid = box.keeper_pid("job"), guard_pid = box.guard_pid("job");
  // What packs is stopped, so that it is surely not done yet.
  int packer = 0;
  for (int pid : box.processes())
    if (pid != keeper_pid && pid != guard_pid &&
        has(read_text("/proc/" + std::to_string(pid) + "/cmdline"), "keeper"))
      packer = pid;
  ASSERT_GT(packer, 0);
  kill(packer, SIGSTOP);
  ASSERT_TRUE(fs::exists(path_of(box, ".gz.tmp")));
  string before = output_in(read_text(path_of(box, ".1")));
  ASSERT_FALSE(before.empty());
  box.kill_keeper("job");
  EVENTUALLY(box.state("job") == "unreachable");
  EXPECT_EQ(0, box.ctl({"stop", "job"}).code);
  box.detach("job", words);
  EVENTUALLY(all_packed(box));
  if (alive(packer)) kill(packer, SIGKILL);
  expect_same(before, output_in(unpacked(box, path_of(box, ".1.gz"))));
}

TEST(Packing, OfWhatAnEarlierKeeperDidNotPackBeginsWithTheFirstRun) {
  Sandbox box;
  fs::create_directories(box.home() / "logs");
  fs::permissions(box.home(), fs::perms::owner_all);
  write_text(path_of(box, ".1"), "one\n");
  write_text(path_of(box, ".3"), "three\n");
  write_text(path_of(box, ".gz.tmp"), "half");
  box.detach("job", {"--log-compress", "sleep", "1000"});
  EVENTUALLY(all_packed(box));
  EXPECT_EQ("one\n", unpacked(box, path_of(box, ".1.gz")));
  EXPECT_EQ("three\n", unpacked(box, path_of(box, ".3.gz")));
}

/// On one connection, so it is the keeper that gives the second answer first.
TEST(FlushOfManyBackups, OthersAreAnsweredBeforeItIsDone) {
  constexpr int kBackups = 3000;
  Sandbox box;
  box.detach("job", {"sleep", "1000"});
  EVENTUALLY(fs::exists(box.log_path("job")));
  for (int i = 1; i <= kBackups; ++i)
    write_text(path_of(box, "." + std::to_string(i)), "");
  Fd socket = *box.open_home().connect_socket("job");
  const string asked = R"({"jsonrpc":"2.0","id":1,"method":"flush"})"
                       "\n"
                       R"({"jsonrpc":"2.0","id":2,"method":"ping"})"
                       "\n";
  ASSERT_EQ(static_cast<ssize_t>(asked.size()), write(socket.get(), asked.data(), asked.size()));
  string answers;
  EVENTUALLY([&] {
    char bytes[4096];
    const ssize_t got = read(socket.get(), bytes, sizeof bytes);
    if (got > 0) answers.append(bytes, static_cast<std::size_t>(got));
    return lines_of(answers).size() == 2;
  }());
  EXPECT_TRUE(has(lines_of(answers)[0], "\"id\":2")) << answers;
  EXPECT_TRUE(has(lines_of(answers)[1], "\"logs\"")) << answers;
  for (int i = 1; i <= kBackups; ++i)
    ASSERT_FALSE(fs::exists(path_of(box, "." + std::to_string(i)))) << i;
  EXPECT_EQ("", box.log("job"));
}

}  // namespace
}  // namespace keeper
