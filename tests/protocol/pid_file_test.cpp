// The owner of a pid file.
#include "protocol/base/pid_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "protocol/base/fd.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

class PidFile : public testing::Test {
 protected:
  PidFile() {
    string name = (fs::temp_directory_path() / "keeper-pid-XXXXXX").string();
    EXPECT_NE(nullptr, mkdtemp(name.data()));
    place_ = name;
  }
  ~PidFile() override { fs::remove_all(place_); }

  string path() const { return place_ / "app.pid"; }
  void write(const string& text, int seconds_ago = 0) const {
    Fd file(open(path().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    ASSERT_EQ(static_cast<ssize_t>(text.size()), ::write(file.get(), text.data(), text.size()));
    timespec times[2] = {{time(nullptr) - seconds_ago, 0}, {time(nullptr) - seconds_ago, 0}};
    if (seconds_ago != 0) {
      ASSERT_EQ(0, futimens(file.get(), times));
    }
  }
  fs::path place_;
};

TEST_F(PidFile, BelongsToTheLivingProcessThatItNames) {
  string own = std::to_string(getpid());
  for (const string& text : {own + "\n", own, " " + own + " \n\n"}) {
    write(text);
    EXPECT_EQ(getpid(), pid_file_owner(path())) << text;
  }
}

TEST_F(PidFile, OlderThanTheProcessOfThatNumberIsStale) {
  write(std::to_string(getpid()) + "\n", 86'400);
  EXPECT_EQ(std::nullopt, pid_file_owner(path()));
}

TEST_F(PidFile, OfADeadProcessOrAZombieIsStale) {
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  siginfo_t info{};
  ASSERT_EQ(0, waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT));
  write(std::to_string(pid) + "\n");
  EXPECT_EQ(std::nullopt, pid_file_owner(path()));
  waitpid(pid, nullptr, 0);
  EXPECT_EQ(std::nullopt, pid_file_owner(path()));
}

TEST_F(PidFile, ThatHoldsNoPidIsNobodys) {
  EXPECT_EQ(std::nullopt, pid_file_owner(path()));
  for (const char* text : {"", "\n", "0\n", "-1\n", "abc\n", "1 2\n", "99999999999999999999\n"}) {
    write(text);
    EXPECT_EQ(std::nullopt, pid_file_owner(path())) << text;
  }
  fs::remove(path());
  fs::create_directory(path());
  EXPECT_EQ(std::nullopt, pid_file_owner(path()));
  fs::remove(path());
  ASSERT_EQ(0, mkfifo(path().c_str(), 0600));
  EXPECT_EQ(std::nullopt, pid_file_owner(path()));
}

TEST_F(PidFile, IsNotReadThroughALink) {
  write(std::to_string(getpid()) + "\n");
  fs::rename(path(), place_ / "other");
  fs::create_symlink("other", path());
  EXPECT_EQ(std::nullopt, pid_file_owner(path()));
}

TEST_F(PidFile, IsRemovedOnlyByThePidThatStandsInIt) {
  write("4242\n");
  remove_pid_file(path(), 4243);
  EXPECT_TRUE(fs::exists(path()));
  remove_pid_file(path(), 4242);
  EXPECT_FALSE(fs::exists(path()));
}

}  // namespace
}  // namespace keeper
