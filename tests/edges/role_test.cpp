// A role: what is handed from one image of the program to the next.
#include "keeper/survive/role.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdlib>

#include "keeper/survive/callers_own.hpp"
#include "tests/edges/support/place.hpp"

namespace keeper {
namespace {

using std::string;

bool closed_on_exec(int fd) {
  return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

TEST(Role, IsNoneInAProgramThatAUserStarted) {
  unsetenv("KEEPER_ROLE");
  EXPECT_FALSE(take_role());
}

TEST(Role, IsNotTakenFromAVariableThatNoKeeperMade) {
  for (const char* text :
       {"", "nonsense", "lock=990 socket=991 report=-1 foreground=0 fresh=0 stem=api home=/tmp"}) {
    setenv("KEEPER_ROLE", text, 1);
    EXPECT_FALSE(take_role()) << text;
    EXPECT_EQ(nullptr, getenv("KEEPER_ROLE"));
  }
}

/// Becomes this same program again, which runs this same test (environment of GoogleTest), in a role.
TEST(Role, IsTakenWithItsDescriptorsByTheProgramThatIsEntered) {
  if (getenv("KEEPER_ROLE") != nullptr) {
    auto table = take_role();
    ASSERT_TRUE(table);
    EXPECT_EQ("/a home/with spaces stem=other", table->home);
    EXPECT_EQ("api:2", table->stem);
    EXPECT_TRUE(table->foreground);
    EXPECT_TRUE(table->fresh);
    EXPECT_EQ("stop:4711:0:12", table->to_stop);
    EXPECT_TRUE(closed_on_exec(table->lock));
    EXPECT_TRUE(closed_on_exec(table->socket));
    EXPECT_EQ(2, write(table->report, "ok", 2));
    EXPECT_TRUE(closed_on_exec(table->report));
    EXPECT_STREQ("yes", getenv("PASSED_ON"));
    EXPECT_EQ(nullptr, getenv("NOT_PASSED_ON"));
    EXPECT_EQ(nullptr, getenv("KEEPER_ROLE")) << "it is not for what is started from here";
    return;
  }
  Pipe report;
  Fd lock(open("/dev/null", O_RDONLY | O_CLOEXEC)), socket(open("/dev/null", O_RDONLY | O_CLOEXEC));
  RoleTable table;
  table.home = "/a home/with spaces stem=other";
  table.stem = "api:2";
  table.lock = lock.get();
  table.socket = socket.get();
  table.report = report.writing.get();
  table.foreground = table.fresh = true;
  table.to_stop = "stop:4711:0:12";
  setenv("NOT_PASSED_ON", "no", 1);
  pid_t pid = fork();
  if (pid == 0) {
    enter_role(Role::keeper, table,
               {"GTEST_FILTER=Role.IsTakenWithItsDescriptorsByTheProgramThatIsEntered", "PASSED_ON=yes"});
    _exit(99);
  }
  int status = 0;
  ASSERT_EQ(pid, waitpid(pid, &status, 0));
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(0, WEXITSTATUS(status)) << "what failed in the other program stands above";
  report.writing.reset();
  char said[8] = {};
  EXPECT_EQ(2, read(report.reading.get(), said, sizeof said));
}

/// Changes this process's own limits, so in a process of its own.
TEST(CallersOwn, IsSetAgainWhateverStoodBetween) {
  const pid_t pid = fork();
  if (pid == 0) {
    const rlimit files{100, 200}, fewer{20, 200};
    setrlimit(RLIMIT_NOFILE, &files);
    umask(027);
    const string own = callers_own();
    rlimit core{};
    getrlimit(RLIMIT_CORE, &core);
    core.rlim_cur = 0;
    umask(0);
    setrlimit(RLIMIT_NOFILE, &fewer);
    setrlimit(RLIMIT_CORE, &core);
    take_callers_own(own.c_str());
    _exit(callers_own() == own && own.find(",100:200,") != string::npos ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(pid, waitpid(pid, &status, 0));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(CloseStrays, LeavesNothingForAProgramThatIsStarted) {
  Fd one(open("/dev/null", O_RDONLY)), two(dup(one.get()));
  ASSERT_FALSE(closed_on_exec(two.get()));
  close_strays_on_exec();
  EXPECT_TRUE(closed_on_exec(one.get()));
  EXPECT_TRUE(closed_on_exec(two.get()));
  EXPECT_FALSE(closed_on_exec(STDOUT_FILENO));
}

}  // namespace
}  // namespace keeper
