// What keepers take of a user's inotify instances, and how instances are counted.
#include "protocol/store/inotify_use.hpp"

#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/fd.hpp"
#include "protocol/store/home.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;

TEST(InotifyInstances, CountOnceWhateverDescriptorsAndProcessesHaveThem) {
  const Fd one(inotify_init1(IN_CLOEXEC)), other(inotify_init1(IN_CLOEXEC));
  ASSERT_TRUE(one && other);
  const Fd again(dup(one.get()));
  const int child = fork();
  if (child == 0)
    for (;;)
      pause();
  InotifyInstances instances;
  EXPECT_TRUE(instances.add(getpid(), one.get()));
  EXPECT_TRUE(instances.add(getpid(), other.get()));
  EXPECT_FALSE(instances.add(getpid(), again.get()));
  EXPECT_FALSE(instances.add(child, one.get())) << "as a keeper and its guard";
  EXPECT_FALSE(instances.add(child, other.get()));
  EXPECT_EQ(2u, instances.count());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

/// Done in a process of a user of its own, if that can be: the instances of whoever runs the tests stay
/// theirs. What the process says with 1 is that an expectation has failed; 77: not tried.
class InotifyShare : public testing::Test {
 protected:
  void in_a_process(const std::function<void()>& what) {
    const int child = fork();
    if (child == 0) {
      if (geteuid() == 0 && setresuid(kNobodys, kNobodys, kNobodys) != 0) _exit(77);
      prctl(PR_SET_DUMPABLE, 1);
      begin();
      what();
      home_.reset();
      fs::remove_all(place_);
      _exit(HasFailure() ? 1 : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "not tried with this limit";
    EXPECT_EQ(0, status);
  }
  void begin() {
    std::ifstream("/proc/sys/fs/inotify/max_user_instances") >> most_;
    if (most_ < 32 || most_ > 1024) _exit(77);
    place_ = fs::temp_directory_path() / ("keeper-inotify-" + std::to_string(getpid()));
    auto home = Home::open(place_, Home::Create::yes);
    if (!home) _exit(77);
    home_.emplace(std::move(*home));
  }
  /// By name alone, which is what counts.
  void have_keepers(unsigned count) {
    for (; keepers_ < count; ++keepers_)
      mknod((place_ + "/sock/app" + std::to_string(keepers_) + ".sock").c_str(), S_IFSOCK | 0600, 0);
  }

  static constexpr unsigned kNobodys = 54'321;
  std::string place_;
  std::optional<Home> home_;
  unsigned most_ = 0, keepers_ = 0;
};

TEST_F(InotifyShare, EndsForKeepersAtHalfOfWhatIsAllowed) {
  in_a_process([this] {
    have_keepers(1);
    EXPECT_TRUE(may_take_instance(*home_));
    have_keepers(most_ / 4);
    EXPECT_TRUE(may_take_instance(*home_));
    have_keepers(most_ / 2 + 1);
    EXPECT_FALSE(may_take_instance(*home_));
  });
}

TEST_F(InotifyShare, CountsWhatTheUsersProgramsHave) {
  in_a_process([this] {
    have_keepers(most_ / 4);
    std::vector<Fd> programs;
    for (unsigned i = 0; i < most_ / 2; ++i)
      programs.emplace_back(inotify_init1(IN_CLOEXEC));
    EXPECT_FALSE(may_take_instance(*home_));
    programs.clear();
    EXPECT_TRUE(may_take_instance(*home_));
  });
}

}  // namespace
}  // namespace keeper
