// A log of 5 GB is read as fast as one of a few lines, and in as little memory.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "protocol/logs/index.hpp"
#include "tests/keeper/support/log_texts.hpp"

namespace keeper {
namespace {

using std::string;

constexpr off_t kSize = off_t{5'000} * 1'000'000;
constexpr rlim_t kMemory = 10'000'000;

class LargeLog : public testing::Test {
 protected:
  /// Two lines that are an hour old, a hole of 5 GB that takes no room on the disk, and three new lines.
  void SetUp() override {
    box.keeper({"-n", "job", "--restart", "never", "--log-markers", "false", "true"});
    const string log = box.log_path("job");
    Fd file(open(log.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    const string old = "old one\nold two\n", young = "\nyoung one\nyoung two\nyoung three\n";
    ASSERT_EQ(static_cast<ssize_t>(old.size()), pwrite(file.get(), old.data(), old.size(), 0));
    ASSERT_EQ(static_cast<ssize_t>(young.size()), pwrite(file.get(), young.data(), young.size(), kSize));
    struct stat st {};
    ASSERT_EQ(0, fstat(file.get(), &st));
    const auto now = std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
    string index;
    for (const IndexRecord& record :
         {index_header(st.st_ino), index_record({now - std::chrono::hours(1), 0}),
          index_record({now - std::chrono::minutes(1), static_cast<std::uint64_t>(kSize) + 1})})
      index.append(record.data(), record.size());
    write_text(index_name(log), index);
  }

  /// In at most 10 MB of memory, whatever that is for (setrlimit(2)).
  Outcome ctl(Words words) {
    words.insert(words.begin(), program("ctl"));
    Start how{words};
    how.before = [] {
      const rlimit limit{kMemory, kMemory};
      if (!sanitized() && setrlimit(RLIMIT_AS, &limit) != 0) _exit(99);
    };
    return box.run(how);
  }
  /// Whether it is over in that time, at least when nothing else keeps the machine busy.
  void is_over_within(Millis time, const Words& words, const string& expected) {
    const Millis most = time * (sanitized() ? 10 : 1);
    EVENTUALLY([&] {
      Outcome out = ctl(words);
      EXPECT_EQ(expected, out.out) << out.err;
      return HasFailure() || out.took < most;
    }());
  }

  Sandbox box;
};

TEST_F(LargeLog, ShowsItsLastLinesAtOnce) {
  is_over_within(Millis(50), {"-L", "job", "-n", "3"}, "young one\nyoung two\nyoung three\n");
}

TEST_F(LargeLog, ShowsWhatWasWrittenSinceATimeAtOnce) {
  is_over_within(Millis(100), {"-L", "job", "-n", "all", "--since", "10m"},
                 "young one\nyoung two\nyoung three\n");
}

}  // namespace
}  // namespace keeper
