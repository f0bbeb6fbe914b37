// What a kept program finds: its session, descriptors, signals, environment and directory, whatever its
// caller's were.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "tests/keeper/support/said.hpp"

namespace keeper {
namespace {

using std::string;

/// Runs children/says once in the foreground, from a caller that is as it is.
Said said_by(Sandbox& box, Words options, Start how = {}) {
  how.words = {program("keeper"), "-n", "app", "--restart", "never"};
  how.words.insert(how.words.end(), options.begin(), options.end());
  how.words.push_back(child("says"));
  Outcome out = box.run(how);
  EXPECT_EQ(0, out.code) << out.all();
  return Said(out.out);
}

TEST(Child, LeadsASessionAndAGroupOfItsOwn) {
  Sandbox box;
  Said said = said_by(box, {});
  EXPECT_EQ(said.one("pid"), said.one("sid"));
  EXPECT_EQ(said.one("pid"), said.one("pgid"));
  EXPECT_EQ(said.one("ppid"), said.variable("KEEPER_PID"));
}

TEST(Child, HasThreeDescriptorsAlthoughItsCallerLeakedSome) {
  Sandbox box;
  Start how;
  how.before = [] {
    int file = open("/etc/passwd", O_RDONLY);
    for (int fd : {5, 9, 63, 200})
      dup2(file, fd);
  };
  auto open_ones = said_by(box, {}, how).all("fd");
  EXPECT_EQ(3u, open_ones.size()) << testing::PrintToString(open_ones);
  EXPECT_TRUE(open_ones.contains("0 /dev/null"));
}

TEST(Child, WritesBothStreamsIntoOnePipeThatIsOpenedReadWrite) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  string proc = "/proc/" + std::to_string(box.pid("api"));
  auto out = std::filesystem::read_symlink(proc + "/fd/1"),
       err = std::filesystem::read_symlink(proc + "/fd/2");
  EXPECT_EQ(out, err);
  EXPECT_TRUE(out.string().starts_with("pipe:")) << out;
  EXPECT_TRUE(has(read_text(proc + "/fdinfo/1"), "flags:\t0100002\n") ||
              has(read_text(proc + "/fdinfo/1"), "flags:\t02\n"))
      << read_text(proc + "/fdinfo/1");
}

long flags_of_stdout(int pid) {
  string info = read_text("/proc/" + std::to_string(pid) + "/fdinfo/1");
  auto at = info.find("flags:");
  return at == string::npos ? -1 : std::strtol(info.c_str() + at + 6, nullptr, 8);
}

TEST(Child, FindsItsOutputBlockingAfterARunThatMadeItOtherwise) {
  Sandbox box;
  box.detach("api", {"--backoff", "none", "sleep", "1000"});
  int first = box.pid("api");
  Fd process(static_cast<int>(syscall(SYS_pidfd_open, first, 0)));
  Fd output(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), 1, 0)));
  if (!output) GTEST_SKIP() << "pidfd_getfd(2) is not allowed here";
  ASSERT_EQ(0, fcntl(output.get(), F_SETFL, O_NONBLOCK));
  ASSERT_NE(0, flags_of_stdout(first) & O_NONBLOCK);
  kill(first, SIGKILL);
  EVENTUALLY(box.pid("api") > 0 && box.pid("api") != first);
  long flags = flags_of_stdout(box.pid("api"));
  EXPECT_EQ(O_RDWR, flags & O_ACCMODE);
  EXPECT_EQ(0, flags & O_NONBLOCK);
}

TEST(Child, HasEverySignalAtItsDefaultAndNoneBlocked) {
  Sandbox box;
  Start how;
  how.before = [] {
    for (int ignored : {SIGHUP, SIGPIPE, SIGINT, SIGCHLD, SIGTSTP, SIGRTMIN + 2})
      signal(ignored, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    for (int blocked : {SIGUSR1, SIGTERM, SIGCHLD, SIGRTMIN})
      sigaddset(&set, blocked);
    sigprocmask(SIG_BLOCK, &set, nullptr);
  };
  Said said = said_by(box, {}, how);
  EXPECT_EQ("0000000000000000", said.one("SigBlk"));
  EXPECT_EQ("0000000000000000", said.one("SigIgn"));
}

TEST(Child, HasItsCallersMaskNicenessAndDirectory) {
  Sandbox box;
  const int wanted = std::min(getpriority(PRIO_PROCESS, 0) + 3, 19);
  Start how;
  how.before = [wanted] {
    umask(027);
    if (setpriority(PRIO_PROCESS, 0, wanted) != 0) _exit(125);
  };
  Said said = said_by(box, {}, how);
  EXPECT_EQ("027", said.one("umask"));
  EXPECT_EQ(std::to_string(wanted), said.one("nice"));
  EXPECT_EQ(box.work().string(), said.one("cwd"));
}

TEST(Child, IsToldWhoItIs) {
  Sandbox box;
  Said said = said_by(box, {});
  EXPECT_EQ("app", said.variable("KEEPER_NAME"));
  EXPECT_EQ("0", said.variable("KEEPER_INSTANCE"));
  EXPECT_EQ("0", said.variable("NODE_APP_INSTANCE"));
  EXPECT_EQ(box.home().string(), said.variable("KEEPER_HOME"));
  for (const string& entry : said.all("env"))
    EXPECT_FALSE(entry.starts_with("KEEPER_ROLE=")) << entry;
}

TEST(Child, DoesNotSeeWhatItsCallerWasToldByAnotherManager) {
  Sandbox box;
  Start how;
  Words keys = {"NOTIFY_SOCKET",   "LISTEN_FDS",     "LISTEN_PID",
                "LISTEN_FDNAMES",  "WATCHDOG_USEC",  "WATCHDOG_PID",
                "NODE_CHANNEL_FD", "NODE_UNIQUE_ID", "NODE_CHANNEL_SERIALIZATION_MODE",
                "KEEPER_OTHER"};
  for (const string& key : keys)
    how.environment[key] = "1";
  how.environment["KEEPER_NAME"] = "another";
  how.environment["KEEPER_PID"] = "1";
  how.environment["KEPT"] = "yes";
  Said said = said_by(box, {}, how);
  for (const string& key : keys)
    EXPECT_FALSE(said.variable(key)) << key;
  EXPECT_EQ("yes", said.variable("KEPT"));
  EXPECT_EQ("app", said.variable("KEEPER_NAME"));
  EXPECT_NE("1", said.variable("KEEPER_PID"));
}

TEST(Child, IsStartedAlthoughItsCallersEnvironmentNamesARole) {
  Sandbox box;
  Start how;
  how.environment["KEEPER_ROLE"] = "nonsense";
  EXPECT_EQ("app", said_by(box, {}, how).variable("KEEPER_NAME"));
}

TEST(Environment, ComesFromTheOptionsTheFileAndTheCallerInThisOrder) {
  Sandbox box;
  write_text(box.work() / "vars",
             "# a comment\nexport A=from file\n\nB=\"two words\\n\" # more\nC='$B \"raw\"'\nD=plain # x\n"
             "EMPTY=\nFROM_CALLER=from file\n");
  Start how;
  how.environment = {{"FROM_CALLER", "from caller"}, {"A", "from caller"}, {"Z", "from caller"}};
  Said said = said_by(box, {"-e", "A=from option", "--env-file", "vars", "-e", "E=a=b"}, how);
  EXPECT_EQ("from option", said.variable("A"));
  EXPECT_EQ("two words", said.variable("B"));  // what follows its newline is another line
  EXPECT_EQ("$B \"raw\"", said.variable("C"));
  EXPECT_EQ("plain", said.variable("D"));
  EXPECT_EQ("a=b", said.variable("E"));
  EXPECT_EQ("", said.variable("EMPTY"));
  EXPECT_EQ("from file", said.variable("FROM_CALLER"));
  EXPECT_EQ("from caller", said.variable("Z"));
}

TEST(Environment, AValueOfTheFileMayHaveSeveralLines) {
  Sandbox box;
  write_text(box.work() / "vars", "A=\"one\ntwo\"\nB=3\n");
  Outcome out = box.keeper({"--restart", "never", "--env-file", "vars", "sh", "-c", "echo \"$A-$B\""});
  EXPECT_EQ("one\ntwo-3\n", out.out) << out.all();
}

TEST(Environment, ThatIsClearedHasOnlyWhatWasGivenAndWhatKeeperAdds) {
  Sandbox box;
  std::set<string> keys;
  for (const string& entry : said_by(box, {"--clear-env", "-e", "A=1"}).all("env"))
    keys.insert(entry.substr(0, entry.find('=')));
  keys.erase("KEEPER_HOME");
  EXPECT_EQ((std::set<string>{"A", "KEEPER_INSTANCE", "KEEPER_NAME", "KEEPER_PID", "NODE_APP_INSTANCE"}),
            keys);
}

TEST(Child, RunsInTheDirectoryThatIsGiven) {
  Sandbox box;
  std::filesystem::create_directory(box.work() / "inner");
  EXPECT_EQ((box.work() / "inner").string(), said_by(box, {"-C", "inner"}).one("cwd"));
  EXPECT_EQ("/", said_by(box, {"-C", "/"}).one("cwd"));
}

TEST(Child, MayOpenItsOutputByName) {
  Sandbox box;
  Outcome out =
      box.keeper({"--restart", "never", "sh", "-c", "echo one > /dev/stdout; echo two > /dev/stderr"});
  EXPECT_EQ(0, out.code);
  EXPECT_EQ("one\ntwo\n", out.out);
}

}  // namespace
}  // namespace keeper
