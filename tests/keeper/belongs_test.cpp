// The processes that belong to a run after its keeper was replaced: marks in an environment are no proof.
#include <signal.h>
#include <unistd.h>

#include "tests/keeper/support/sandbox.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

using std::string;

/// The value of a variable of a living process.
string variable_of(int pid, const string& name) {
  const string all = '\0' + read_text("/proc/" + std::to_string(pid) + "/environ");
  const auto at = all.find('\0' + name + '=');
  return at == string::npos ? "" : string(all.c_str() + at + name.size() + 2);
}

/// A process of another user, which carries all that the app's own processes carry.
Background impostor(Sandbox& box, const string& stem, Words words) {
  Start how = as_nobody(std::move(words));
  how.directory = "/";
  for (const char* name : {"KEEPER_NAME", "KEEPER_PID", "KEEPER_INSTANCE", "KEEPER_HOME", "NOTIFY_SOCKET"})
    if (string value = variable_of(box.pid(stem), name); !value.empty()) how.environment[name] = value;
  return box.start(how);
}

/// The next keeper of an app: after it nothing of a run is the keeper's own child.
void replace_keeper(Sandbox& box, const string& stem) {
  const int before = box.keeper_pid(stem);
  kill(before, SIGKILL);
  EVENTUALLY(box.keeper_pid(stem) != before && box.state(stem) == "running");
}

TEST(Belonging, AnotherUserSpeaksForNoRun) {
  NEEDS_ROOT();
  NEEDS_REACH(child("notifies"));
  Sandbox box;
  box.detach("api", {"--ready", "notify", child("notifies"), "READY=1\\nSTATUS=mine"});
  replace_keeper(box, "api");
  const int pid = box.pid("api");
  Background other = impostor(box, "api", {child("notifies"), "STATUS=not mine", "fork-main", "READY=1"});
  EVENTUALLY(has(other.out(), "main "));
  EXPECT_EQ(pid, box.pid("api"));
  EXPECT_EQ("mine", box.status("api")->status_text.value_or(""));
  kill(std::atoi(other.out().c_str() + other.out().find("main ") + 5), SIGKILL);
  EXPECT_EQ(0, box.ctl({"wait", "api:ready"}).code);
  EXPECT_EQ(1u, box.status("api")->run);
}

TEST(Belonging, AnotherUsersProcessIsNotEndedWithARun) {
  NEEDS_ROOT();
  for (const bool both_killed : {false, true}) {
    Sandbox box;
    box.detach("api", {"sleep", "1000"});
    if (!both_killed) replace_keeper(box, "api");
    Background other = impostor(box, "api", {"sleep", "1000"});
    EVENTUALLY(!variable_of(other.pid(), "KEEPER_NAME").empty());
    if (both_killed) box.kill_keeper("api");
    EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
    EXPECT_TRUE(other.running()) << both_killed;
    other.signal(SIGKILL);
    other.wait();
  }
}

/// A process that the guard has adopted belongs to the run, whichever user it runs as.
TEST(Belonging, AWorkerThatBecameAnotherUserIsEndedWithItsRun) {
  NEEDS_ROOT();
  if (access("/usr/bin/setpriv", X_OK) != 0) GTEST_SKIP() << "no setpriv here";
  Sandbox box;
  box.detach("api", {"sh", "-c",
                     "(setsid setpriv --reuid=65534 --regid=65534 --clear-groups sh -c "
                     "'echo worker $$; exec sleep 1000' &); exec sleep 1000"});
  const int worker = box.logged_pid("api", "worker");
  replace_keeper(box, "api");
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_FALSE(alive(worker));
}

/// Those of the user that the run runs as are its own.
TEST(Belonging, TheRunsUserIsRememberedByTheNextKeeper) {
  NEEDS_ROOT();
  Sandbox box;
  box.detach("api", {"-C", "/", "--user", "nobody", "sh", "-c",
                     "(setsid sh -c 'echo worker $$; exec sleep 1000' &); exec sleep 1000"});
  const int worker = box.logged_pid("api", "worker");
  box.kill_keeper("api");
  EXPECT_EQ(0, box.ctl({"start", "api"}).code);
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_FALSE(alive(worker));
}

}  // namespace
}  // namespace keeper
