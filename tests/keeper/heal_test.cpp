// Somebody deletes what a keeper is reached by: it makes it again, and the program does not notice.
#include <signal.h>
#include <sys/stat.h>

#include "tests/keeper/support/sandbox.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

class Removed : public testing::TestWithParam<string> {
 protected:
  static fs::path path_in(const Sandbox& box, const string& what) {
    if (what == "home") return box.home();
    if (what == "sock") return box.home() / "sock";
    if (what == "app") return box.home() / "apps/api";
    return box.home() / "sock/api.sock";
  }
};

/// Its files are there, and it can be killed and stopped as ever.
void expect_whole(Sandbox& box, int pid) {
  const auto status = box.status("api");
  ASSERT_TRUE(status && status->keeper_pid);
  EXPECT_EQ(State::running, status->state);
  EXPECT_EQ(pid, status->pid);
  EXPECT_EQ(0u, status->restarts);
  for (const char* file : {"sock/api.sock", "sock/api.ask", "apps/api/lock", "apps/api/spec.json",
                           "apps/api/state", "apps/api/status.json", "apps/api/pid"})
    EXPECT_TRUE(fs::exists(box.home() / file)) << file;
  struct stat st {};
  ASSERT_EQ(0, stat((box.home() / "sock/api.sock").c_str(), &st));
  EXPECT_EQ(0600u, st.st_mode & 07777u);
  kill(*status->keeper_pid, SIGKILL);
  EVENTUALLY(box.keeper_pid("api") > 0 && box.keeper_pid("api") != *status->keeper_pid);
  EXPECT_EQ(pid, box.pid("api")) << "its guard has what is new, too";
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_TRUE(box.processes().empty());
  EXPECT_EQ(0, box.ctl({"start", "api"}).code) << "its spec is whole";
  EXPECT_TRUE(has(read_text("/proc/" + std::to_string(box.pid("api")) + "/environ"), "PATH="));
}

TEST_P(Removed, IsMadeAgainWithinASecond) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const int pid = box.pid("api");
  fs::remove_all(path_in(box, GetParam()));
  if (GetParam() == "app") fs::remove(box.home() / "sock/api.sock");  // else nobody would notice
  EXPECT_TRUE(eventually([&] { return fs::exists(box.home() / "sock/api.sock"); }, Millis(1500)));
  EVENTUALLY(box.pid("api") == pid);
  expect_whole(box, pid);
}

INSTANTIATE_TEST_SUITE_P(Each, Removed, testing::Values("socket", "sock", "app", "home"),
                         [](const auto& one) { return one.param; });

TEST(Heal, TheLogOfARemovedHomeIsWrittenAgain) {
  Sandbox box;
  box.detach("api", {"sh", "-c", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done"});
  EVENTUALLY(box.logged("api", "line 1\n"));
  std::error_code again;  // a line may come in between, and a directory be there that was removed
  do
    fs::remove_all(box.home(), again);
  while (again);
  EXPECT_TRUE(eventually([&] { return box.logged("api", "line "); }, Millis(8000)));
  EVENTUALLY(box.state("api") == "running");
}

/// A directory that is renamed takes the socket along, and no watch of the socket sees that.
TEST(Heal, CtlTellsAKeeperThatItsSocketIsGone) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const int pid = box.pid("api");
  fs::rename(box.home() / "sock", box.home() / "elsewhere");
  EVENTUALLY(box.state("api") == "running");
  EXPECT_EQ(pid, box.pid("api"));
  expect_whole(box, pid);
}

TEST(Heal, WhoseNameAnotherKeeperHasTakenLeavesItAlone) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const int first = box.pid("api"), first_keeper = box.keeper_pid("api");
  kill(first_keeper, SIGSTOP);  // it notices when the other is there
  Outcome out =
      box.run({{"sh", "-c",
                "rm -r " + box.home().string() + "/apps/api " + box.home().string() +
                    "/sock/api.sock; exec " + program("keeper") + " -d -n api --start-secs 0 sleep 2000"}});
  kill(first_keeper, SIGCONT);
  ASSERT_EQ(0, out.code) << out.all();
  const int second = box.pid("api");
  ASSERT_NE(first, second);
  EVENTUALLY(box.logged("api", "another keeper has the name now"));
  EXPECT_TRUE(alive(first));
  EXPECT_EQ(second, box.pid("api"));
  kill(first_keeper, SIGTERM);
  EVENTUALLY(!alive(first) && !alive(first_keeper));
  EXPECT_EQ(second, box.pid("api")) << "what is the other's stays";
  EXPECT_EQ("running", box.state("api"));
}

TEST(Heal, RecordsThatWereRemovedAreWrittenAgain) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  fs::rename(box.home() / "apps/api/spec.json", box.home() / "apps/api/other");
  kill(box.keeper_pid("api"), SIGUSR1);
  EVENTUALLY(fs::exists(box.home() / "apps/api/spec.json"));
  EXPECT_EQ(0, box.ctl({"restart", "api"}).code);
}

}  // namespace
}  // namespace keeper
