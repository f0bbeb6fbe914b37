// A log that cannot be written for a while: nothing waits, nothing is lost that there is room for, and what
// is lost is said.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "tests/keeper/support/log_texts.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

/// An app whose log is in a directory that is taken away, and given back.
class Trouble : public testing::Test {
 protected:
  /// Its program writes lines from 1 to `first`, and for each file goN (N = 1, 2) `more` lines more.
  void start(const Words& options, int first, int more) {
    // Without backups a file that may not grow stays where it is.
    Words words = {"--start-secs", "0", "--log", log().string(), "--log-backups", "0"};
    words.insert(words.end(), options.begin(), options.end());
    for (const string& word : program_that_writes(first, more))
      words.push_back(word);
    box.detach("job", words);
    EVENTUALLY(ends_with_line(log(), first));
  }
  static Words program_that_writes(int first, int more) {
    string next = std::to_string(first + more), last = std::to_string(first + 2 * more);
    string program = "seq -f %099.0f 1 " + std::to_string(first) + "; " +  //
                     wait_for("go1") + "seq -f %099.0f " + std::to_string(first + 1) + " " + next +
                     "; touch done1; " + wait_for("go2") + "seq -f %099.0f " +
                     std::to_string(first + more + 1) + " " + last + "; touch done2; exec sleep 1000";
    return {"sh", "-c", program};
  }
  static string wait_for(const string& file) { return "while ! [ -e " + file + " ]; do sleep 0.02; done; "; }
  static bool ends_with_line(const fs::path& log, int number) {
    return has(read_text(log), numbered(number, number));
  }

  fs::path log() const { return box.work() / "logs" / "job.log"; }
  void touch(const char* name) const { write_text(box.work() / name, ""); }
  bool is_there(const char* name) const { return fs::exists(box.work() / name); }
  void take_away() const {
    fs::rename(box.work() / "logs", box.work() / "before");
    touch("logs");
  }
  void give_back() const {
    fs::remove(box.work() / "logs");
    fs::create_directory(box.work() / "logs");
  }
  string written_before() const { return output_in(read_text(box.work() / "before" / "job.log")); }

  std::optional<LogFile> status() const {
    auto app = box.status("job");
    if (!app || app->logs.empty()) return std::nullopt;
    return app->logs.front();
  }
  bool is_in_trouble() const {
    auto now = status();
    return now && now->trouble;
  }
  bool is_well() const {
    auto now = status();
    return now && !now->trouble;
  }

  Sandbox box;
};

// The old file is written for up to a second after it was moved: it is noticed by then.
TEST_F(Trouble, IsSaidAndNothingIsLostThatThereIsRoomFor) {
  start({}, 10, 20'000);
  Background events = box.start({{program("ctl"), "events", "--json"}});
  EVENTUALLY(has(events.out(), "\"name\":\"job\""));
  take_away();
  touch("go1");
  EVENTUALLY(is_there("done1"));
  touch("go2");
  EVENTUALLY(is_there("done2"));
  // Only a write shows it.
  EVENTUALLY(box.ctl({"reopen", "job"}).code == 1);
  EVENTUALLY(is_in_trouble());
  EXPECT_TRUE(has(*status()->trouble, "cannot open " + log().string() + ": Not a directory"))
      << *status()->trouble;
  EXPECT_TRUE(has(box.ctl({"show", "job"}).out, "Not a directory"));
  EVENTUALLY(has(events.out(), "\"event\":\"log_trouble\""));
  EXPECT_FALSE(has(events.out(), "\"event\":\"log_well\""));
  give_back();
  EVENTUALLY(is_well());
  EVENTUALLY(has(events.out(), "\"event\":\"log_well\""));
  expect_same(numbered(1, 40'010), written_before() + output_in(read_text(log())));
  EXPECT_EQ(0u, status()->dropped);
  events.signal(SIGKILL);
}

/// As large as it is, the file of a keeper with this limit is full (setrlimit(2)).
void limit_files_of(int pid, rlim_t bytes) {
  rlimit limit{bytes, RLIM_INFINITY};
  ASSERT_EQ(0, prlimit(pid, RLIMIT_FSIZE, &limit, nullptr)) << strerror(errno);
}

TEST_F(Trouble, OfAFullDiskIsOverWhenThereIsRoom) {
  start({}, 3'000, 20'000);
  limit_files_of(box.keeper_pid("job"), 500'000);
  touch("go1");
  EVENTUALLY(is_in_trouble());
  EXPECT_TRUE(has(*status()->trouble, "cannot write " + log().string() + ": File too large"))
      << *status()->trouble;
  EVENTUALLY(is_there("done1"));
  limit_files_of(box.keeper_pid("job"), RLIM_INFINITY);
  Millis before = now();
  EVENTUALLY(is_well());
  EXPECT_LT((now() - before).count(), 1000);
  touch("go2");
  EVENTUALLY(ends_with_line(log(), 43'000));
  expect_same(numbered(1, 43'000), output_in(read_text(log())));
}

/// What waits in memory then is in nobody's.
TEST_F(Trouble, SaysHowMuchIsLostWhereBothHalvesAreKilled) {
  start({}, 10'000, 3'000);
  limit_files_of(box.keeper_pid("job"), fs::file_size(log()) + 30);  // some of a line
  touch("go1");
  EVENTUALLY(is_there("done1") && status() && status()->waiting > 200'000);
  const std::uint64_t waited = status()->waiting;
  const int keeper = box.keeper_pid("job"), guard = box.guard_pid("job"), pid = box.pid("job");
  kill(guard, SIGKILL);
  kill(keeper, SIGKILL);
  EVENTUALLY(box.state("job") == "unreachable");
  EXPECT_EQ(0, box.ctl({"start", "job"}).code);
  EXPECT_EQ(pid, box.pid("job"));
  const string said =
      std::to_string(waited) +
      " bytes of output were dropped: it waited in memory when keeper and its guard were killed";
  EVENTUALLY(has(read_text(log()), said));
  EXPECT_EQ(waited, status()->dropped);
  touch("go2");
  EVENTUALLY(ends_with_line(log(), 16'000));
  const string output = output_in(read_text(log()));
  EXPECT_EQ(1'600'001u, output.size() + waited) << "with the end that the line was given";
  EXPECT_TRUE(has(output, "\n" + numbered(13'001, 16'000))) << "from the beginning of a line on";
}

TEST_F(Trouble, DropsAndCountsWhatThereIsNoRoomFor) {
  start({"--log-buffer", "1M"}, 3'000, 20'000);
  limit_files_of(box.keeper_pid("job"), 500'000);
  touch("go1");
  EVENTUALLY(is_there("done1"));
  EVENTUALLY(status() && status()->dropped > 0 && is_in_trouble());
  EXPECT_TRUE(has(box.ctl({"show", "job"}).out, " of output were dropped")) << box.ctl({"show", "job"}).out;
  limit_files_of(box.keeper_pid("job"), RLIM_INFINITY);
  EVENTUALLY(is_well());
  std::uint64_t dropped = status()->dropped;
  touch("go2");
  EVENTUALLY(ends_with_line(log(), 43'000));
  EXPECT_EQ(dropped, status()->dropped) << "lost after all was well";
  string text = read_text(log()), output = output_in(text);
  EXPECT_EQ(4'300'000u, output.size() + dropped);
  EXPECT_TRUE(has(text, std::to_string(dropped) + " bytes of output were dropped: cannot write ")) << dropped;
  EXPECT_EQ(1, count_of(text, " bytes of output were dropped"));
  // Whole lines: from the beginning as far as there was room, and all that came later.
  int kept = static_cast<int>(output.size() / 100) - 20'000;
  EXPECT_GE(kept, 15'000);
  expect_same(numbered(1, kept) + numbered(23'001, 43'000), output);
}

TEST_F(Trouble, IsNamedAlsoWhereTheEndOfALostLineComesLater) {
  box.detach("job", {"--start-secs", "0", "--log", log().string(), "--log-buffer", "64K", "--log-backups",
                     "0", "sh", "-c",
                     wait_for("go1") + "head -c 3000000 /dev/zero | tr '\\0' x; touch done1; " +
                         wait_for("go2") + "echo end of it; echo next; exec sleep 1000"});
  limit_files_of(box.keeper_pid("job"), fs::file_size(log()));
  touch("go1");
  EVENTUALLY(is_there("done1") && status() && status()->dropped > 0);
  limit_files_of(box.keeper_pid("job"), RLIM_INFINITY);
  EVENTUALLY(is_well());
  touch("go2");
  EVENTUALLY(has(read_text(log()), "\nnext\n"));
  string text = read_text(log());
  EXPECT_FALSE(has(text, "end of it"));
  EXPECT_EQ(2, count_of(text, " bytes of output were dropped: cannot write ")) << text.substr(0, 500);
}

TEST_F(Trouble, MakesTheProgramWaitWhereThatIsWanted) {
  start({"--log-buffer", "64K", "--log-full", "block"}, 3'000, 30'000);
  limit_files_of(box.keeper_pid("job"), 500'000);
  touch("go1");
  EVENTUALLY(is_in_trouble());
  EXPECT_TRUE(has(box.ctl({"list"}).out, "running"));
  EXPECT_FALSE(is_there("done1"));
  limit_files_of(box.keeper_pid("job"), RLIM_INFINITY);
  EVENTUALLY(is_there("done1") && is_well());
  touch("go2");
  EVENTUALLY(ends_with_line(log(), 63'000));
  expect_same(numbered(1, 63'000), output_in(read_text(log())));
  EXPECT_EQ(0u, status()->dropped);
}

TEST_F(Trouble, ThatIsOverTellsHowMuchWasDropped) {
  start({"--log-buffer", "1M"}, 3'000, 20'000);
  Background events = box.start({{program("ctl"), "events", "--json"}});
  EVENTUALLY(has(events.out(), "\"name\":\"job\""));
  limit_files_of(box.keeper_pid("job"), 500'000);
  touch("go1");
  EVENTUALLY(is_there("done1") && status() && status()->dropped > 0);
  limit_files_of(box.keeper_pid("job"), RLIM_INFINITY);
  EVENTUALLY(has(events.out(), "\"event\":\"log_well\""));
  string dropped = std::to_string(status()->dropped);
  EXPECT_TRUE(has(events.out(), "\"text\":\"" + dropped + " bytes of output were dropped\"")) << events.out();
  EXPECT_TRUE(has(events.out(), "\"dropped\":" + dropped + ",\"status\"")) << events.out();
  events.signal(SIGKILL);
}

/// The end of an app whose log takes nothing.
class TroubleAtTheEnd : public Trouble {
 protected:
  static constexpr std::uint64_t kWritten = 200'000;

  /// What it does when the log is full; there is room for the record.
  static string writes_and_ends() {
    return "seq -f %099.0f 1001 3000; touch done1; " + wait_for("go2") + "exit 0";
  }
  void run_into_the_end(const Words& options, const string& then = writes_and_ends()) {
    Words words = {"--start-secs", "0", "--restart", "never", "--log", log().string(), "--log-backups", "0"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"sh", "-c", "seq -f %099.0f 1 1000; " + wait_for("go1") + then});
    box.detach("job", words);
    EVENTUALLY(ends_with_line(log(), 1'000));
    keeper_ = box.keeper_pid("job");
    limit_files_of(keeper_, fs::file_size(log()));
    touch("go1");
    EVENTUALLY(is_in_trouble());
  }

  int keeper_ = 0;
};

TEST_F(TroubleAtTheEnd, WhatIsLostThenIsCountedAndTold) {
  run_into_the_end({});
  EVENTUALLY(is_there("done1"));
  Background events = box.start({{program("ctl"), "events", "--json"}});
  EVENTUALLY(has(events.out(), "\"name\":\"job\""));
  touch("go2");
  EVENTUALLY(box.ended("job"));
  ASSERT_TRUE(status());
  EXPECT_GE(status()->dropped, kWritten);
  EXPECT_LT(status()->dropped, kWritten + 500) << "keeper's own lines";
  string dropped = std::to_string(status()->dropped);
  EXPECT_TRUE(has(box.ctl({"show", "job"}).out, " of output were dropped")) << box.ctl({"show", "job"}).out;
  EVENTUALLY(has(events.out(), "\"event\":\"left\""));
  EXPECT_TRUE(has(events.out(), "\"text\":\"" + dropped + " bytes of output were dropped: cannot write "))
      << events.out();
  events.signal(SIGKILL);
}

TEST_F(TroubleAtTheEnd, IsSaidInTheLogByTheNextKeeper) {
  run_into_the_end({});
  EVENTUALLY(is_there("done1"));
  touch("go2");
  EVENTUALLY(box.ended("job"));
  string said = std::to_string(status()->dropped) + " bytes of output were dropped before: cannot write ";
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(0, box.ctl({"start", "job"}).code);
    EVENTUALLY(box.ended("job"));
    EXPECT_EQ(1, count_of(read_text(log()), said));
  }
}

TEST_F(TroubleAtTheEnd, CountsAlsoWhatWaitedInThePipe) {
  // First what fills the memory, then what the pipe has room for in any case.
  run_into_the_end(
      {"--log-full", "block", "--log-buffer", "64K"},
      "seq -f %099.0f 1001 1700; " + wait_for("go2") + "seq -f %099.0f 1701 2000; touch done1; sleep 1000");
  touch("go2");
  EVENTUALLY(is_there("done1"));
  Outcome stopped = box.ctl({"stop", "job"});
  EXPECT_EQ(0, stopped.code) << stopped.all();
  EXPECT_GE(status()->dropped, 100'000u);
  EXPECT_LT(status()->dropped, 100'000u + 500);
}

TEST_F(TroubleAtTheEnd, OfHalfASecondLosesNothing) {
  run_into_the_end({});
  EVENTUALLY(is_there("done1"));
  touch("go2");
  EVENTUALLY(box.state("job") == "exited");
  limit_files_of(keeper_, RLIM_INFINITY);
  EVENTUALLY(box.ended("job"));
  EXPECT_EQ(numbered(1, 3'000), output_in(read_text(log())));
  EXPECT_EQ(0u, status()->dropped);
}

/// A directory that is a disk of 1 MB of its own (tmpfs(5)) to the keeper, which alone sees it
/// (mount_namespaces(7)).
class SmallDisk : public Trouble {
 protected:
  /// As start(). False: this machine gives no mounts to who runs this test.
  bool begin(const Words& options, int first, int more) {
    fs::create_directory(place_);
    Start how{
        {program("keeper"), "-d", "-n", "job", "--start-secs", "0", "--log", (place_ / "job.log").string()}};
    how.words.insert(how.words.end(), options.begin(), options.end());
    for (const string& word : program_that_writes(first, more))
      how.words.push_back(word);
    how.before = [this] { have_a_disk(place_, "size=1m,mode=700"); };
    Outcome out = box.run(how);
    EXPECT_TRUE(out.code == 0 || out.code == kNoMounts) << out.all();
    if (out.code != 0) return false;
    fs::path seen = fs::path("/proc") / std::to_string(box.pid("job")) / "root" / place_.relative_path();
    held_ = Fd(open(seen.c_str(), O_PATH | O_CLOEXEC));
    disk_ = fs::path("/proc/self/fd") / std::to_string(held_.get());
    EXPECT_TRUE(eventually([&] { return first == 0 || ends_with_line(disk_ / "job.log", first); }));
    return true;
  }
  void fill() {
    std::ofstream filler(disk_ / "filler", std::ios::binary);
    const string piece(4096, 'f');
    while (filler.write(piece.data(), static_cast<std::streamsize>(piece.size())).flush()) {
    }
  }
  void make_room() { fs::remove(disk_ / "filler"); }
  /// Room comes back, and all is well within a second.
  void is_well_soon_with_room() {
    make_room();
    Millis before = now();
    EVENTUALLY(is_well());
    EXPECT_LT((now() - before).count(), 1000 * (sanitized() ? 3 : 1));
  }

  fs::path place_ = box.work() / "small";
  Fd held_;  ///< the disk, also when who saw it has left
  fs::path disk_;
};

constexpr const char* kNoMountsHere = "no mounts for this user";
const Words kSmallFiles = {"--log-max-size", "100K", "--log-backups", "3", "--log-buffer", "64K"};

TEST_F(SmallDisk, NothingIsLostThatThereIsRoomForInMemory) {
  if (!begin({}, 1'000, 3'000)) GTEST_SKIP() << kNoMountsHere;
  fill();
  touch("go1");
  EVENTUALLY(is_there("done1") && is_in_trouble());
  EXPECT_TRUE(has(*status()->trouble, "No space left on device")) << *status()->trouble;
  EXPECT_GT(status()->waiting, 100'000u);
  EXPECT_TRUE(has(box.ctl({"show", "job"}).out, " of output wait in memory"));
  is_well_soon_with_room();
  touch("go2");
  EVENTUALLY(ends_with_line(disk_ / "job.log", 7'000));
  expect_same(numbered(1, 7'000), output_in(read_text(disk_ / "job.log")));
  EXPECT_EQ(0u, status()->dropped);
}

/// Nor where the keeper dies meanwhile: what there is room for in the pipe is not in its memory alone.
class SmallDiskAndItsKeeper : public SmallDisk, public testing::WithParamInterface<const char*> {};

TEST_P(SmallDiskAndItsKeeper, DiesWithoutLosingALine) {
  const bool dressed = string(GetParam()) != "raw";
  if (!begin({"--log-format", GetParam()}, 0, 1'500)) GTEST_SKIP() << kNoMountsHere;
  fill();
  touch("go1");
  EVENTUALLY(is_there("done1") && is_in_trouble());
  const int pid = box.pid("job");
  for (int time = 0; time < 3; ++time) {
    const int before = box.keeper_pid("job");
    kill(before, SIGKILL);
    EVENTUALLY(box.keeper_pid("job") != before && is_in_trouble());
    touch("go2");
    EVENTUALLY(is_there("done2"));
  }
  make_room();
  EVENTUALLY(is_well());
  auto written = [&] {
    const string log = read_text(disk_ / "job.log");
    return dressed ? texts_in(log) : output_in(log);
  };
  EVENTUALLY(written().size() >= 300'000);
  expect_same(numbered(1, 3'000), written());
  EXPECT_EQ(0u, status()->dropped);
  EXPECT_EQ(pid, box.pid("job"));
}

INSTANTIATE_TEST_SUITE_P(Format, SmallDiskAndItsKeeper, testing::Values("raw", "time", "json"),
                         [](const auto& format) { return string(format.param); });

TEST_F(SmallDisk, WhatIsDroppedIsCounted) {
  if (!begin(kSmallFiles, 100, 30'000)) GTEST_SKIP() << kNoMountsHere;
  fill();
  touch("go1");
  EVENTUALLY(is_there("done1") && status() && status()->dropped > 0);
  is_well_soon_with_room();
  std::uint64_t dropped = status()->dropped;
  EVENTUALLY(has(all_of(disk_ / "job.log"),
                 std::to_string(dropped) + " bytes of output were dropped: cannot write "));
  touch("go2");
  EVENTUALLY(ends_with_line(disk_ / "job.log", 60'100));
  string end = output_in(all_of(disk_ / "job.log"));
  int lines = static_cast<int>(end.size() / 100);
  EXPECT_GE(lines, 3'000) << "all that three backups and more can hold";
  expect_same(numbered(60'101 - lines, 60'100), end);
  EXPECT_EQ(dropped, status()->dropped);
}

TEST_F(SmallDisk, MakesTheProgramWaitWhereThatIsWanted) {
  Words options = kSmallFiles;
  options.insert(options.end(), {"--log-full", "block"});
  if (!begin(options, 100, 30'000)) GTEST_SKIP() << kNoMountsHere;
  fill();
  touch("go1");
  EVENTUALLY(is_in_trouble());
  EXPECT_TRUE(has(box.ctl({"list"}).out, "running"));
  EXPECT_FALSE(is_there("done1"));
  is_well_soon_with_room();
  EVENTUALLY(is_there("done1"));
  touch("go2");
  EVENTUALLY(ends_with_line(disk_ / "job.log", 60'100));
  string end = output_in(all_of(disk_ / "job.log"));
  expect_same(numbered(60'101 - static_cast<int>(end.size() / 100), 60'100), end);
  EXPECT_EQ(0u, status()->dropped);
}

// Four files of 240 KiB, and their indexes; a fifth would have no room. So nothing reads them while they
// are rotated: a file that was removed takes its space for as long as somebody has it open.
TEST_F(SmallDisk, IsNeverFullOfALogThatHasJustTheSpaceItMayTake) {
  if (!begin({"--log-max-size", "240K", "--log-backups", "3"}, 100, 30'000)) GTEST_SKIP() << kNoMountsHere;
  Background events = box.start({{program("ctl"), "events", "--json"}});
  EVENTUALLY(has(events.out(), "\"name\":\"job\""));
  touch("go1");
  touch("go2");
  EVENTUALLY(is_there("done2"));
  EXPECT_EQ(0, box.ctl({"stop", "job"}).code);
  EVENTUALLY(has(events.out(), "\"event\":\"stopped\""));
  EXPECT_TRUE(ends_with_line(disk_ / "job.log", 60'100));
  EXPECT_EQ(4u, files_of(disk_ / "job.log").size());
  EXPECT_FALSE(has(events.out(), "log_trouble")) << events.out();
  events.signal(SIGKILL);
}

}  // namespace
}  // namespace keeper
