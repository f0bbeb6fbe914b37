// The directory of a log is taken away while its program writes: removed, replaced, made read-only.
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <linux/capability.h>

#include "tests/keeper/support/log_texts.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

class LogDirectory : public testing::Test {
 protected:
  fs::path place() const { return box.work() / "logs"; }
  fs::path away() const { return box.work() / "away"; }
  fs::path log() const { return place() / "job.log"; }

  /// A program that counts, fifty times a second.
  void start_counting() {
    box.detach("job", {"--start-secs", "0", "--log", log().string(), "sh", "-c",
                       "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"});
    EVENTUALLY(has(read_text(log()), "\n3\n"));
  }
  /// Whether it goes on in a new file, and every number stands once and in order in the old one and in it.
  void goes_on_in_a_new_file(const fs::path& old) {
    EVENTUALLY(lines_of(read_text(log())).size() > 3);
    const auto lines = lines_of(output_in(read_text(old) + read_text(log())));
    for (std::size_t i = 0; i < lines.size(); ++i)
      ASSERT_EQ(std::to_string(i + 1), lines[i]);
    EXPECT_FALSE(trouble());
  }
  std::optional<string> trouble() const {
    auto app = box.status("job");
    if (!app || app->logs.empty()) return "no status";
    return app->logs.front().trouble;
  }

  Sandbox box;
};

TEST_F(LogDirectory, ThatWasRemovedIsMadeAgainAndNoLineIsMissing) {
  start_counting();
  Fd old(open(log().c_str(), O_RDONLY | O_CLOEXEC));
  fs::rename(place(), away());  // so that nothing is made in it while it is being removed
  fs::remove_all(away());
  goes_on_in_a_new_file("/proc/self/fd/" + std::to_string(old.get()));
}

TEST_F(LogDirectory, ThatWasReplacedIsFoundWithinSecondsAndNoLineIsMissing) {
  start_counting();
  fs::rename(place(), away());
  fs::create_directory(place());
  goes_on_in_a_new_file(away() / "job.log");
}

/// Not even the superuser may write where the mode does not say so.
void obey_modes() {
  if (geteuid() == 0 && prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE) != 0) _exit(99);
}

TEST_F(LogDirectory, ThatIsReadOnlyForAWhileCostsNoLineAndNoRotationForGood) {
  const string counts =
      "seq -f %099.0f 1 100; while ! [ -e go1 ]; do sleep 0.02; done; "
      "seq -f %099.0f 101 20000; touch done1; "
      "while ! [ -e go2 ]; do sleep 0.02; done; "
      "seq -f %099.0f 20001 30000; touch done2; exec sleep 1000";
  fs::create_directory(place());
  Start how{{program("keeper"), "-d", "-n", "job", "--start-secs", "0", "--log", log().string(),
             "--log-max-size", "100K", "--log-backups", "100", "sh", "-c", counts}};
  how.before = obey_modes;
  ASSERT_EQ(0, box.run(how).code);
  EVENTUALLY(has(read_text(log()), numbered(100, 100)));
  fs::permissions(place(), fs::perms(0500));
  write_text(box.work() / "go1", "");
  EVENTUALLY(fs::exists(box.work() / "done1"));
  EVENTUALLY(trouble().has_value());
  EXPECT_TRUE(has(*trouble(), "cannot rotate " + log().string()) && has(*trouble(), "Permission denied"))
      << *trouble();
  EVENTUALLY(has(read_text(log()), numbered(20'000, 20'000)));
  EXPECT_EQ(1u, files_of(log()).size());

  fs::permissions(place(), fs::perms(0700));
  const Millis before = now();
  EVENTUALLY(!trouble());
  EXPECT_LT((now() - before).count(), 1000 * (sanitized() ? 3 : 1));
  write_text(box.work() / "go2", "");
  EVENTUALLY(fs::exists(box.work() / "done2") && has(read_text(log()), numbered(30'000, 30'000)));
  EXPECT_GT(files_of(log()).size(), 8u);
  expect_same(numbered(1, 30'000), output_in(all_of(log())));
}

}  // namespace
}  // namespace keeper
