// The user that a program runs as, and with what: each flag as the program sees it, what is refused before
// anything starts, and whose a pid file is.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/keeper/support/sandbox.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

/// What a shell says when it is kept once, in the foreground, from /.
Outcome shell(Sandbox& box, const Words& options, const string& line, Start how = {}) {
  how.words = {program("keeper"), "-n", "app", "--restart", "never", "-C", "/"};
  how.words.insert(how.words.end(), options.begin(), options.end());
  for (const char* word : {"/bin/sh", "-c"})
    how.words.push_back(word);
  how.words.push_back(line);
  return box.run(how);
}

string said(Sandbox& box, const Words& options, const string& line) {
  Outcome out = shell(box, options, line);
  EXPECT_EQ(0, out.code) << out.all();
  return out.out;
}

void expect_nothing_kept(Sandbox& box) {
  for (const char* room : {"apps", "sock", "logs"}) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(box.home() / room, ignored))
      ADD_FAILURE() << "left: " << entry.path();
  }
  // A keeper says why there is no start just before it leaves.
  EXPECT_TRUE(eventually([&] { return box.processes().empty(); }));
}

// --- the user

TEST(User, HasItsIdsGroupsAndEnvironment) {
  NEEDS_ROOT();
  Sandbox box;
  EXPECT_EQ(
      "65534 65534 65534\n/nonexistent nobody nobody /usr/sbin/nologin\n",
      said(box, {"--user", "nobody"}, "echo $(id -u) $(id -g) $(id -G); echo $HOME $USER $LOGNAME $SHELL"));
}

TEST(User, IsANumberOrAUserWithAGroupToo) {
  NEEDS_ROOT();
  Sandbox box;
  const string line = "echo $(id -u) $(id -g) $(id -G) $USER";
  EXPECT_EQ("65534 65534 65534 nobody\n", said(box, {"--user", "65534"}, line));
  EXPECT_EQ("65534 7 7 nobody\n", said(box, {"--user", "nobody:7"}, line));
  EXPECT_EQ("4242 4243 4243 4242\n", said(box, {"--user", "4242:4243"}, line));
}

TEST(User, ThatNobodyAskedForIsTheCallerAndChangesNothing) {
  Sandbox box;
  Start how;
  how.environment = {{"HOME", "/callers/home"}, {"USER", "callers user"}};
  EXPECT_EQ("/callers/home callers user\n", shell(box, {}, "echo $HOME $USER", how).out);
  EXPECT_EQ(getuid() == 0 ? "root" : box.status("app")->user, box.status("app")->user);
  EXPECT_NE("", box.status("app")->user);
}

TEST(User, DoesNotReplaceVariablesThatAreGiven) {
  NEEDS_ROOT();
  Sandbox box;
  write_text(box.work() / "vars", "USER=file\nSHELL=file\n");
  EXPECT_EQ("option file nobody file\n",
            said(box, {"--user", "nobody", "-e", "HOME=option", "--env-file", "vars"},
                 "echo $HOME $USER $LOGNAME $SHELL"));
}

TEST(EnvFiles, AreAllReadAndTheLastGoesBefore) {
  Sandbox box;
  write_text(box.work() / "one", "A=one\nB=one\nC=one\n");
  write_text(box.work() / "two", "B=two\nC=two\n");
  EXPECT_EQ("one two option\n",
            said(box, {"--env-file", "one", "--env-file", "two", "-e", "C=option"}, "echo $A $B $C"));
}

TEST(User, IsShownAndComesBackWhenItIsStartedFromItsRecord) {
  NEEDS_ROOT();
  Sandbox box;
  box.detach("api", {"-C", "/", "--user", "65534:7", "sleep", "1000"});
  auto owner_of_program = [&] {
    struct stat st {};
    stat(("/proc/" + std::to_string(box.pid("api"))).c_str(), &st);
    return st.st_uid;
  };
  EXPECT_EQ("nobody", box.status("api")->user);
  EXPECT_EQ(65534u, owner_of_program());
  int first = box.pid("api");
  ASSERT_EQ(0, box.ctl({"restart", "api"}).code);
  EXPECT_NE(first, box.pid("api"));
  EXPECT_EQ(65534u, owner_of_program());
  ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
  ASSERT_EQ(0, box.ctl({"start", "api"}).code);
  EXPECT_EQ(65534u, owner_of_program());
  EXPECT_EQ("nobody", box.status("api")->user);
}

TEST(User, WritesIntoTheLogOfTheKeeperAndOpensItsOutputByName) {
  NEEDS_ROOT();
  Sandbox box;
  EXPECT_EQ("one\ntwo\n", said(box, {"--user", "nobody"}, "echo one; echo two > /dev/stdout"));
  EXPECT_TRUE(box.logged("app", "one\ntwo\n"));
}

TEST(User, WhoMayNotEnterTheDirectoryIsToldSo) {
  NEEDS_ROOT();
  Sandbox box;  // its directory is 0700
  Outcome out = box.keeper({"--user", "nobody", "/bin/true"});
  EXPECT_EQ(126, out.code);
  EXPECT_TRUE(has(out.err, "chdir " + box.work().string() + ": Permission denied")) << out.err;
  expect_nothing_kept(box);
}

/// Runs keeper as nobody, with a home that may not even be made.
Outcome keeper_of_nobody(Sandbox& box, Words words) {
  words.insert(words.begin(), program("keeper"));
  Start how = as_nobody(std::move(words));
  how.directory = "/";
  how.environment["KEEPER_HOME"] = "/proc/no-home";
  return box.run(how);
}

TEST(User, WithoutTheRightToAPlaceIsToldWhichFlagNamesIt) {
  NEEDS_ROOT();
  NEEDS_REACH(program("keeper"));
  Sandbox box;
  string place = box.work().string();  // root's alone
  write_text(box.root() / "vars", "A=1\n");
  for (const Words& words : {Words{"--cwd", place}, Words{"--env-file", place + "/vars"},
                             Words{"--pid-file", place + "/pid"}, Words{"--pid-file", "/pid"}}) {
    Words all = words;
    all.push_back("/bin/true");
    Outcome out = keeper_of_nobody(box, all);
    EXPECT_EQ(2, out.code) << out.all();
    EXPECT_TRUE(has(out.err, "cannot start: " + words[0] + ": ") && has(out.err, "Permission denied"))
        << out.err;
  }
}

TEST(User, WithoutRootIsRefused) {
  NEEDS_REACH(program("keeper"));
  Sandbox box;
  Outcome out = keeper_of_nobody(box, {"--user", "root", "/bin/true"});
  EXPECT_EQ(2, out.code);
  EXPECT_TRUE(has(out.err, "keeper: cannot start: --user root: to run as another user or group needs root"))
      << out.err;
  expect_nothing_kept(box);
}

TEST(User, WithoutRootMayBeTheCaller) {
  NEEDS_REACH(program("keeper"));
  Sandbox box;
  const string caller =
      geteuid() == 0 ? "65534:65534" : std::to_string(geteuid()) + ":" + std::to_string(getegid());
  Outcome out = keeper_of_nobody(box, {"--user", caller, "/bin/true"});
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(has(out.err, "/proc/no-home")) << out.err;
}

// --- what else it is spawned with

TEST(Spawned, WithTheMaskPriorityLimitsAndOomScoreThatAreGiven) {
  Sandbox box;
  EXPECT_EQ("0027\n19\n100\n200\n0\n300\n",
            said(box,
                 {"--umask", "27", "--nice", "19", "--limit", "nofile=100:200", "--limit", "core=0",
                  "--oom-score-adj", "300"},
                 "umask; nice; ulimit -Sn; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj"));
}

TEST(Spawned, WithWhatCannotBeHadIsAnErrorThatNamesItAndLeavesNothing) {
  Sandbox box;
  for (const char* detached : {"-d", "--restart=always"}) {
    Outcome out = box.keeper({detached, "--limit", "nofile=1:9999999999", "/bin/true"});
    EXPECT_EQ(126, out.code);
    EXPECT_TRUE(has(out.err, "set resource limit nofile=1:9999999999: Operation not permitted")) << out.err;
    expect_nothing_kept(box);
  }
}

TEST(Spawned, WithTheDescriptorsThatAreAskedForAndNoOthers) {
  Sandbox box;
  write_text(box.work() / "seven", "words of seven\n");
  Start how;
  string path = (box.work() / "seven").string();
  how.before = [path] {
    int file = open(path.c_str(), O_RDONLY);
    for (int fd : {7, 8, 30})
      if (dup2(file, fd) < 0) _exit(125);
  };
  const string line = "cat <&7; for f in 7 8 30; do test -e /proc/self/fd/$f && echo $f; done; true";
  Outcome out = shell(box, {"--inherit-fds", "7,30"}, line, how);
  EXPECT_EQ("words of seven\n7\n30\n", out.out) << out.err;
  Words detached = {"-d", "--restart", "never", "--start-secs", "0.2", "--inherit-fds", "7", "-n", "back"};
  how.words = {program("keeper")};
  how.words.insert(how.words.end(), detached.begin(), detached.end());
  for (const char* word : {"sh", "-c", "cat <&7; exec sleep 1000"})
    how.words.push_back(word);
  EXPECT_EQ(0, box.run(how).code);
  EVENTUALLY(box.logged("back", "words of seven\n"));
}

TEST(Spawned, FromItsRecordWithoutTheDescriptorsThatItNeedsIsRefusedAndTheRecordStays) {
  Sandbox box;
  Start how{
      {program("keeper"), "-d", "-n", "api", "--start-secs", "0", "--inherit-fds", "7", "sleep", "1000"}};
  how.before = [] {
    if (dup2(STDIN_FILENO, 7) < 0) _exit(125);
  };
  ASSERT_EQ(0, box.run(how).code);
  ASSERT_EQ(0, box.ctl({"restart", "api"}).code) << "its keeper has them still";
  ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
  fs::path record = box.home() / "apps/api/status.json";
  string before = read_text(record);
  for (const char* again : {"start", "restart"}) {
    Outcome out = box.ctl({again, "api"});
    EXPECT_EQ(1, out.code);
    EXPECT_TRUE(has(out.err, "cannot start api: its descriptors (--inherit-fds 7) belong to the shell that"))
        << out.err;
    EXPECT_TRUE(box.ended("api"));
    EXPECT_EQ(before, read_text(record));
  }
  EXPECT_EQ("stopped", box.state("api"));
  ASSERT_EQ(0, box.run(how).code) << "as it was said";
}

TEST(Spawned, ForADebuggerEachInstanceOnItsOwnPort) {
  Sandbox box;
  fs::path bin = box.root() / "bin";
  fs::create_directory(bin);
  write_text(bin / "node", "#!/bin/sh\necho node \"$@\"\nexec sleep 1000\n", 0700);
  write_text(box.work() / "x.js", "no matter\n");
  Start how{
      {program("keeper"), "-d", "-n", "web", "-i", "2", "--start-secs", "0", "--inspect", "9300", "x.js"}};
  how.environment["PATH"] = bin.string() + ":/usr/bin:/bin";
  ASSERT_EQ(0, box.run(how).code);
  EVENTUALLY(box.logged("web", "node --inspect=9300 "));
  EVENTUALLY(box.logged("web:1", "node --inspect=9301 "));
  how.words = {program("keeper"), "-d", "-n", "debug", "--start-secs", "0", "x.js"};
  how.environment["KEEPER_DEBUG"] = "1";
  ASSERT_EQ(0, box.run(how).code);
  EVENTUALLY(box.logged("debug", "node --inspect=9229 "));
}

// --- what is refused

struct Wrong {
  const char* name;
  Words words;
  const char* said;
};
void PrintTo(const Wrong& one, std::ostream* out) {
  *out << one.name;
}

class WrongValue : public testing::TestWithParam<Wrong> {};

TEST_P(WrongValue, IsNamedBeforeAnythingStarts) {
  Sandbox box;
  for (const char* detached : {"-d", "--restart=always"}) {
    write_text(box.work() / "file", "A=1\nthis is no variable\n");
    write_text(box.work() / "open", "A=1\nB=\"x\n");
    fs::create_directory(box.work() / "directory");
    mkfifo((box.work() / "fifo").c_str(), 0600);
    Words words = {detached};
    words.insert(words.end(), GetParam().words.begin(), GetParam().words.end());
    words.push_back("/bin/true");
    Outcome out = box.keeper(words);
    EXPECT_EQ(2, out.code) << out.all();
    EXPECT_TRUE(has(out.err, GetParam().said)) << out.err;
    EXPECT_FALSE(fs::exists(box.home())) << out.err;
    expect_nothing_kept(box);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Flags, WrongValue,
    testing::Values(
        Wrong{"Limit", {"--limit", "x"}, "--limit: 'x' is not NAME=SOFT[:HARD] (nofile=1024:65535"},
        Wrong{"LimitOfNothing", {"--limit", "files=1"}, "--limit: 'files' is not a resource"},
        Wrong{"User", {"--user", "nobody2"}, "--user nobody2: there is no user 'nobody2' (a name that"},
        Wrong{"NoUser", {"--user", ""}, "--user: it is empty"},
        Wrong{"Group", {"--user", "root:nogroup2"}, "--user root:nogroup2: there is no group 'nogroup2'"},
        Wrong{"NumberWithoutGroup", {"--user", "424242"}, "424242:GROUP"},
        Wrong{"Mask", {"--umask", "999"}, "--umask: '999' is not an octal mask from 0 to 0777"},
        Wrong{"Nice", {"--nice", "40"}, "--nice: '40' is not a whole number from -20 to 19"},
        Wrong{"Oom", {"--oom-score-adj", "2000"}, "--oom-score-adj: '2000' is not a whole number"},
        Wrong{"ClosedDescriptor", {"--inherit-fds", "77"}, "--inherit-fds: descriptor 77 is not open here"},
        Wrong{
            "StandardDescriptor", {"--inherit-fds", "1"}, "--inherit-fds: '1' is not a list of descriptors"},
        Wrong{"KillMode", {"--kill-mode", "all"}, "--kill-mode: 'all' is not process, group, tree or mixed"},
        Wrong{"Backoff", {"--backoff", "10..5"}, "--backoff: '10..5' is not LOW..HIGH"},
        Wrong{"StopSignal", {"--stop-signal", "FOO"}, "--stop-signal: 'FOO' is not a signal (TERM,"},
        Wrong{"ReadyUrl", {"--ready", "http:"}, "--ready: 'http:' is not http://HOST:PORT/PATH"},
        Wrong{"ReadyPort", {"--ready", "tcp:99999"}, "--ready: 'tcp:99999' is not tcp:PORT"},
        Wrong{"ReadyExpression", {"--ready", "log:("}, "--ready: 'log:(' is no POSIX extended expression"},
        Wrong{"Watchdog", {"--watchdog", "0"}, "--watchdog: '0' is not a duration above 0"},
        Wrong{"Inspect", {"--inspect", "0"}, "--inspect: '0' is not a whole number from 1 to 65535"},
        Wrong{"Directory",
              {"-C", "/no/such"},
              "cannot start: --cwd: /no/such: No such file or directory; make"},
        Wrong{"DirectoryThatIsAFile", {"--cwd", "file"}, "/work/file is no directory"},
        Wrong{"EnvFile", {"--env-file", "nowhere"}, "/work/nowhere: No such file or directory"},
        Wrong{
            "EnvFileThatIsADirectory", {"--env-file", "/"}, "cannot start: --env-file: /: it is no regular"},
        Wrong{"EnvFileLine", {"--env-file", "file"}, "/work/file: line 2: not KEY=VALUE"},
        Wrong{"EnvFileQuote", {"--env-file", "open"}, "/work/open: line 2: the quote that is opened here"},
        Wrong{"PidFile",
              {"--pid-file", "/no/such/pid"},
              "--pid-file: /no/such: No such file or directory; make"},
        Wrong{"PidFileOfNoName", {"--pid-file", ""}, "--pid-file: it is empty; leave it out, or say which"},
        Wrong{"SecondsThatCannotPass",
              {"--ready", "secs", "--ready", "tcp:1", "--start-secs", "60s"},
              "--start-secs: 1m can never have passed within --ready-timeout 30s"},
        Wrong{"WindowOfNothing",
              {"--restart-window", "5s"},
              "cannot start: --restart-window: it is the time in which --max-restarts counts"},
        Wrong{"PidFileBelowAFile", {"--pid-file", "file/pid"}, "--pid-file: "},
        Wrong{"PidFileThatIsADirectory", {"--pid-file", "directory"}, "/work/directory is a directory"},
        Wrong{"PidFileThatIsADevice", {"--pid-file", "fifo"}, "/work/fifo is no regular file; give another"},
        Wrong{"InspectOfAll", {"-d", "-i", "2", "--inspect", "65535"}, "--inspect: the last of 2 instances"}),
    [](const auto& one) { return string(one.param.name); });

TEST(ReadyDescriptor, IsNotOneThatIsPassedOn) {
  Sandbox box;
  Fd null(open("/dev/null", O_RDONLY));
  ASSERT_EQ(9, dup2(null.get(), 9));
  Start how{{program("keeper"), "-d", "--inherit-fds", "9", "--ready", "fd:9", "/bin/true"}};
  Outcome out = box.run(how);
  close(9);
  EXPECT_EQ(2, out.code) << out.all();
  EXPECT_TRUE(has(out.err, "--ready fd:9")) << out.err;
}

// --- the pid file

Words with_pid_file(const fs::path& file) {
  return {"-n", "api", "--start-secs", "0", "--pid-file", file.string(), "sleep", "1000"};
}

TEST(PidFileOfAnother, IsLeftAloneAndTheStartIsAnError) {
  Sandbox box;
  fs::path file = box.work() / "app.pid";
  string other = std::to_string(getpid()) + "\n";
  write_text(file, other);
  for (const char* detached : {"-d", "--restart=always"}) {
    Words words = with_pid_file(file);
    words.insert(words.begin(), detached);
    Outcome out = box.keeper(words);
    EXPECT_EQ(1, out.code);
    EXPECT_TRUE(has(out.err, "cannot use the pid file " + file.string() + ": process " +
                                 std::to_string(getpid()) + " lives and is not of this app"))
        << out.err;
    EXPECT_EQ(1, count_of(out.err, "cannot use the pid file")) << out.err;
    EXPECT_EQ(other, read_text(file));
    expect_nothing_kept(box);
  }
}

TEST(PidFileOfAnother, ThatHoldsSomethingElseIsNotOverwritten) {
  Sandbox box;
  write_text(box.work() / "notes.txt", "my notes\n");
  Outcome out = box.keeper({"-d", "-n", "api", "--pid-file", "notes.txt", "sleep", "1000"});
  EXPECT_EQ(2, out.code);
  EXPECT_TRUE(has(out.err, "--pid-file: ") && has(out.err, "holds no pid")) << out.err;
  EXPECT_EQ("my notes\n", read_text(box.work() / "notes.txt"));
}

TEST(PidFileOfAnother, ThatIsDeadOrLaterIsReplaced) {
  Sandbox box;
  fs::path file = box.work() / "app.pid";
  write_text(file, std::to_string(getpid()) + "\n");
  timespec times[2] = {{1'000'000, 0}, {1'000'000, 0}};  // long before this process began
  ASSERT_EQ(0, utimensat(AT_FDCWD, file.c_str(), times, 0));
  box.detach("api", {"--pid-file", file.string(), "sleep", "1000"});
  EVENTUALLY(read_text(file) == std::to_string(box.pid("api")) + "\n");
}

TEST(PidFileOfAnother, ThatComesBetweenTwoRunsIsWaitedFor) {
  Sandbox box;
  fs::path file = box.work() / "app.pid";
  box.detach("api", {"--pid-file", file.string(), "--restart-delay", "1s", "--backoff", "100ms..200ms",
                     "sleep", "1000"});
  EVENTUALLY(fs::exists(file));
  kill(box.pid("api"), SIGKILL);
  EVENTUALLY(!fs::exists(file));
  write_text(file, std::to_string(getpid()) + "\n");
  EVENTUALLY(has(box.status("api")->spawn_error.value_or(""), "cannot use the pid file"));
  EXPECT_EQ("backoff", box.state("api"));
  EXPECT_EQ(std::to_string(getpid()) + "\n", read_text(file));
  fs::remove(file);
  EVENTUALLY(box.pid("api") > 0);
  EVENTUALLY(read_text(file) == std::to_string(box.pid("api")) + "\n");
}

TEST(PidFileOfAnother, ThatReplacedOursIsNotRemoved) {
  Sandbox box;
  fs::path file = box.work() / "app.pid";
  box.detach("api", {"--pid-file", file.string(), "sleep", "1000"});
  EVENTUALLY(fs::exists(file));
  write_text(file, "1\n");
  ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_EQ("1\n", read_text(file));
}

TEST(PidFile, IsNotWrittenThroughALink) {
  Sandbox box;
  fs::path file = box.work() / "app.pid";
  write_text(box.work() / "precious", "precious\n");
  fs::create_symlink("precious", file);
  box.detach("api", {"--pid-file", file.string(), "sleep", "1000"});
  EVENTUALLY(read_text(file) == std::to_string(box.pid("api")) + "\n");
  EXPECT_FALSE(fs::is_symlink(file));
  EXPECT_EQ("precious\n", read_text(box.work() / "precious"));
}

TEST(PidFile, ThatCannotBeWrittenAnyMoreStopsNothingAndIsSaidOnce) {
  Sandbox box;
  fs::create_directory(box.work() / "run");
  box.detach("api", {"--pid-file", "run/app.pid", "--backoff", "none", "sleep", "1000"});
  EVENTUALLY(fs::exists(box.work() / "run/app.pid"));
  fs::remove_all(box.work() / "run");
  for (int i = 0; i < 2; ++i) {
    int before = box.pid("api");
    kill(before, SIGKILL);
    EVENTUALLY(box.pid("api") > 0 && box.pid("api") != before);
  }
  EVENTUALLY(count_of(box.log("api"), "started pid") == 3);
  EXPECT_EQ(1, count_of(box.log("api"), "run/app.pid: No such file or directory; it runs without a pid"));
  EXPECT_EQ(std::nullopt, box.status("api")->spawn_error);
}

TEST(PidFile, MayBeReadByEverybodyWhateverTheMaskOfTheCaller) {
  Sandbox box;
  Start how{
      {program("keeper"), "-d", "-n", "api", "--start-secs", "0", "--pid-file", "app.pid", "sleep", "1000"}};
  how.before = [] { umask(0077); };
  ASSERT_EQ(0, box.run(how).code);
  struct stat st {};
  EVENTUALLY(stat((box.work() / "app.pid").c_str(), &st) == 0);
  EXPECT_EQ(0644u, st.st_mode & 07777);
}

TEST(PidFile, OfEachInstanceIsOneOfItsOwn) {
  Sandbox box;
  fs::path file = box.work() / "app.pid";
  box.detach("web", {"-i", "2", "--pid-file", file.string(), "sleep", "1000"});
  EVENTUALLY(read_text(file) == std::to_string(box.pid("web")) + "\n");
  EVENTUALLY(read_text(file.string() + ":1") == std::to_string(box.pid("web:1")) + "\n");
}

TEST(PidFile, OfAnOrphanIsRemovedWithItByCtl) {
  Sandbox box;
  fs::path file = box.work() / "app.pid";
  box.detach("api", {"--pid-file", file.string(), "sleep", "1000"});
  EVENTUALLY(fs::exists(file));
  box.kill_keeper("api");
  EVENTUALLY(box.state("api") == "unreachable");
  ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
  EXPECT_FALSE(fs::exists(file));
}

}  // namespace
}  // namespace keeper
