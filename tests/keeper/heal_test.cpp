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
  // A start returns while the exec of the program is not quite done: the variables come last.
  EVENTUALLY(has(read_text("/proc/" + std::to_string(box.pid("api")) + "/environ"), "PATH="));
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

/// Before it could make anything again.
TEST_P(Removed, AlsoWhereItsKeeperIsKilledAtOnce) {
  Sandbox box;
  const Words lines = {"sh", "-c", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.01; done"};
  box.detach("api", lines);
  EVENTUALLY(box.logged("api", "line 3\n"));
  const Status before = *box.status("api");
  kill(*before.keeper_pid, SIGSTOP);
  fs::remove_all(path_in(box, GetParam()));
  kill(*before.keeper_pid, SIGKILL);
  EXPECT_TRUE(eventually([&] { return fs::exists(box.home() / "sock/api.sock"); }, Millis(1500)));
  EVENTUALLY(box.pid("api") == *before.pid);
  EXPECT_EQ(before.guard_pid, box.status("api")->guard_pid);
  EXPECT_EQ(before.run, box.status("api")->run);
  EVENTUALLY(fs::exists(box.home() / "apps/api/status.json"));
  EVENTUALLY(has(box.log("api"), "line "));
  expect_whole(box, *before.pid);
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
  Outcome out = box.run({{"sh", "-c",
                          "cd '" + box.home().string() + "' && rm -r apps/api sock/api.sock; exec " +
                              program("keeper") + " -d -n api --start-secs 0 sleep 2000"}});
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

TEST(Heal, WhoseNameAnotherKeeperHasTakenLeavesItAloneAlsoWhenItsKeeperIsKilled) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const Status first = *box.status("api");
  kill(*first.keeper_pid, SIGSTOP);
  Outcome out = box.run({{"sh", "-c",
                          "cd '" + box.home().string() + "' && rm -r apps/api sock/api.sock; exec " +
                              program("keeper") + " -d -n api --start-secs 0 sleep 2000"}});
  ASSERT_EQ(0, out.code) << out.all();
  const Status second = *box.status("api");
  kill(*first.keeper_pid, SIGKILL);
  EVENTUALLY(box.logged("api", "another keeper has the name now"));
  EXPECT_TRUE(alive(*first.pid));
  kill(*second.keeper_pid, SIGKILL);
  EVENTUALLY(box.keeper_pid("api") > 0 && box.keeper_pid("api") != *second.keeper_pid);
  EXPECT_EQ(second.pid, box.pid("api")) << "its state is its own";
  EXPECT_EQ((Words{"2000"}), box.open_home().read_spec("api")->args);
  kill(*first.guard_pid, SIGTERM);
  EVENTUALLY(!alive(*first.pid) && !alive(*first.guard_pid));
  EXPECT_EQ(second.pid, box.pid("api")) << "what is the other's stays";
  EXPECT_EQ("running", box.state("api"));
}

TEST(Heal, ASpecThatCannotBeReadAnyMoreIsNotMissed) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const fs::path spec = box.home() / "apps/api/spec.json";
  const string whole = read_text(spec);
  const Status before = *box.status("api");
  fs::remove(spec);
  write_text(spec, "{\"name\": rubbish");
  kill(*before.keeper_pid, SIGKILL);
  EVENTUALLY(box.keeper_pid("api") > 0 && box.keeper_pid("api") != *before.keeper_pid);
  EXPECT_EQ(before.pid, box.pid("api"));
  Outcome out = box.ctl({"restart", "api"});
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(has(out.err, "spec.json")) << out.err;
  EXPECT_EQ(before.pid, box.pid("api"));
  write_text(spec, whole);
  EXPECT_EQ(0, box.ctl({"restart", "api"}).code);
}

/// What is edited applies at a restart, and not because somebody killed a keeper.
TEST(Heal, AnEditedSpecWaitsForARestartAlsoWhereAKeeperIsKilled) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const Home home = box.open_home();
  Spec edited = *home.read_spec("api");
  edited.stop_timeout = Millis(7000);
  ASSERT_TRUE(home.write_spec("api", edited));
  for (const bool guard : {false, true}) {
    const Status before = *box.status("api");
    kill(guard ? *before.guard_pid : *before.keeper_pid, SIGKILL);
    EVENTUALLY(box.keeper_pid("api") > 0 && box.keeper_pid("api") != *before.keeper_pid);
  }
  Outcome out = box.ctl({"reload", "api"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(has(out.all(), "stop_timeout")) << out.all();
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
