// A keeper that is root keeps a program of another user: at a path or a port that the program, or its user,
// may have chosen it does what that user may do, and nothing else.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>

#include "protocol/base/scope_exit.hpp"
#include "tests/keeper/support/follower.hpp"
#include "tests/keeper/support/http.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

uid_t owner_of(const fs::path& path) {
  struct stat st {};
  EXPECT_EQ(0, lstat(path.c_str(), &st)) << path;
  return st.st_uid;
}

/// Root, with a directory of nobody's and one of root's own.
struct Rights : testing::Test {
  Sandbox box;
  fs::path theirs = box.root() / "theirs", own = box.root() / "own", secret = own / "secret";

  void SetUp() override {
    NEEDS_ROOT();
    for (const fs::path& path : {theirs, own})
      fs::create_directory(path);
    for (const fs::path& path : {box.root(), box.work(), theirs, own})
      ASSERT_EQ(0, chmod(path.c_str(), 0755));
    NEEDS_REACH(box.root());
    ASSERT_EQ(0, chown(theirs.c_str(), kNobody, kNobody));
    write_text(secret, "root's own\n");
  }
  void TearDown() override {
    if (!fs::exists(secret)) return;
    EXPECT_EQ("root's own\n", read_text(secret));
    EXPECT_EQ(0u, owner_of(secret));
  }

  /// A program of its user's: nobody can read where this was built.
  string script(const char* name, const string& text) {
    write_text(box.work() / name, text, 0755);
    return (box.work() / name).string();
  }
  void keep(Words words) {
    words.insert(words.begin(), {"--user", "nobody", "--no-wait"});
    box.detach("app", std::move(words));
  }
  /// A worker of a cluster that listens at `where`.
  void serve(const string& where) {
    keep({"--cluster", script("serves.js", read_text(CHILD_SCRIPTS "/serves.js")), where});
  }
};

// --- what a worker listens at

TEST_F(Rights, ASocketThatTheProgramWishesIsItsUsersFromItsFirstMomentOn) {
  const fs::path path = theirs / "app.sock";
  serve(path);
  EVENTUALLY(box.logged("app", "listening"));
  EXPECT_EQ(kNobody, owner_of(path));
  ASSERT_EQ(0, box.ctl({"stop", "app"}).code);
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(Rights, ASocketWhereTheUserMayMakeNoneFailsAsTheProgramItselfWould) {
  const string path = own / "app.sock";
  Follower follower(box);
  serve(path);
  EVENTUALLY(box.logged("app", "error EACCES"));
  EXPECT_FALSE(fs::exists(path));
  ASSERT_TRUE(follower.comes("app", "now"));
  ASSERT_EQ(0, box.ctl({"restart", "app"}).code);
  EXPECT_TRUE(follower.says("app", "listen_failed", "unix " + path + ": Permission denied"))
      << follower.all();
}

TEST_F(Rights, APortForRootAloneFailsAsTheProgramItselfWould) {
  int first_free = 1024;
  std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> first_free;
  if (first_free <= 1) GTEST_SKIP() << "no port is for root alone here";
  Follower follower(box);
  serve("127.0.0.1:1");
  EVENTUALLY(box.logged("app", "error EACCES bind"));
  ASSERT_TRUE(follower.comes("app", "now"));
  ASSERT_EQ(0, box.ctl({"restart", "app"}).code);
  EXPECT_TRUE(follower.says("app", "listen_failed", "tcp 127.0.0.1:1: Permission denied")) << follower.all();
}

/// Where a link stood at the right moment the keeper once gave the file behind it away.
TEST_F(Rights, ADirectoryThatIsExchangedForALinkLeadsTheKeeperNowhere) {
  fs::create_directory_symlink(own, theirs / "link");
  fs::create_directory(theirs / "directory");
  ASSERT_EQ(0, chown((theirs / "directory").c_str(), kNobody, kNobody));
  std::atomic<bool> done = false;
  std::thread exchanges([&] {
    while (!done)
      renameat2(AT_FDCWD, (theirs / "link").c_str(), AT_FDCWD, (theirs / "directory").c_str(),
                RENAME_EXCHANGE);
  });
  const Finally stopped([&] { done = true, exchanges.join(); });
  keep({"--cluster", script("a.js", R"(
    const net = require('net'), fs = require('fs'), at = process.argv[2];
    let left = 300;
    function again() {
      for (const one of ['/link/secret', '/directory/secret'])
        try { if (fs.lstatSync(at + one).isSocket()) fs.unlinkSync(at + one); } catch {}
      if (--left === 0) return console.log('tried');
      const server = net.createServer();
      server.on('error', () => setImmediate(again));
      server.listen({ path: at + '/directory' + '/'.repeat(1 + left % 40) + './'.repeat(left / 40) + 'secret' },
        () => server.close(() => setImmediate(again)));
    }
    again();
    setInterval(() => {}, 1e6);)"),
        theirs});
  EVENTUALLY(box.logged("app", "tried"));
}

TEST_F(Rights, ASocketIsNotRemovedBehindALinkThatTheUserPutInItsPlace) {
  fs::create_directory(theirs / "d");
  ASSERT_EQ(0, chown((theirs / "d").c_str(), kNobody, kNobody));
  serve(theirs / "d/app.sock");
  EVENTUALLY(box.logged("app", "listening"));
  // The very same file, where only root may remove it.
  fs::create_hard_link(theirs / "d/app.sock", own / "app.sock");
  fs::rename(theirs / "d", theirs / "moved");
  fs::create_directory_symlink(own, theirs / "d");
  ASSERT_EQ(0, box.ctl({"stop", "app"}).code);
  EXPECT_TRUE(fs::is_socket(own / "app.sock"));
}

// --- its log

const string kLinkRefused = "a link of nobody's leads to what belongs to root";

/// What is to be seen of a log that cannot be had: the program goes on, and status and events say why.
struct RightsOfALog : Rights {
  const fs::path log = theirs / "app.log";

  void link_log_to(const fs::path& target) {
    std::error_code ignored;
    fs::remove(log, ignored);
    fs::create_symlink(target, log);
    ASSERT_EQ(0, lchown(log.c_str(), kNobody, kNobody));
  }
  void keep_with_log(Words options, const string& line) {
    options.insert(options.begin(), {"--log", log.string()});
    for (const string& word : {string("sh"), string("-c"), line})
      options.push_back(word);
    keep(std::move(options));
  }
  string trouble() const {
    const auto status = box.status("app");
    return status && !status->logs.empty() ? status->logs.front().trouble.value_or("") : "";
  }
  /// A line of the program's, from now on.
  void say(const string& line) { write_text(theirs / "say", line, 0644); }
};

/// Says what stands in the file `say`, whenever that changes.
const char kSays[] =
    "echo begin; while :; do if [ -s say ]; then cat say; echo; mv say said; fi; sleep 0.02; done";

TEST_F(RightsOfALog, IsItsUsersOwnFile) {
  keep_with_log({}, "echo hello; sleep 1000");
  EVENTUALLY(has(read_text(log), "hello"));
  for (const fs::path& file : {log, fs::path(log.string() + ".idx")})
    EXPECT_EQ(kNobody, owner_of(file));
}

TEST_F(RightsOfALog, ALinkToRootsFileIsRefusedFromTheStartOnAndThatIsSaid) {
  link_log_to(secret);
  Follower follower(box);
  const Outcome out = box.keeper({"-d", "-n", "app", "--user", "nobody", "--start-secs", "0", "--log",
                                  log.string(), "sh", "-c", "echo hello; sleep 1000"});
  EXPECT_EQ(0, out.code);
  EXPECT_TRUE(has(out.err, "cannot open " + secret.string() + ": " + kLinkRefused)) << out.all();
  EXPECT_TRUE(has(trouble(), kLinkRefused)) << trouble();
  EXPECT_TRUE(has(box.ctl({"show", "app"}).out, kLinkRefused));
  for (const char* doing : {"flush", "reopen", "rotate"}) {
    const Outcome no = box.ctl({doing, "app"});
    EXPECT_NE(0, no.code) << doing;
    EXPECT_TRUE(has(no.err, kLinkRefused)) << no.err;
  }
  fs::remove(log);
  EVENTUALLY(has(read_text(log), "hello")) << "what was kept";
  EXPECT_EQ("", trouble());
}

TEST_F(RightsOfALog, ALinkThatIsPutInItsPlaceLeadsNowhere) {
  ASSERT_EQ(0, chown(box.work().c_str(), kNobody, kNobody));
  keep_with_log({"-C", theirs.string()}, kSays);
  EVENTUALLY(has(read_text(log), "begin"));
  Follower follower(box);
  ASSERT_TRUE(follower.comes("app", "now"));
  link_log_to(secret);
  say("intruder");
  EXPECT_TRUE(follower.comes("app", "log_trouble")) << follower.all();
  EXPECT_TRUE(has(follower.last().text.value_or(""), kLinkRefused));
  for (const char* doing : {"flush", "reopen", "rotate"})
    EXPECT_NE(0, box.ctl({doing, "app"}).code) << doing;
  fs::remove(log);
  EVENTUALLY(has(read_text(log), "intruder"));
}

TEST_F(RightsOfALog, AFileOfRootsThatTheUserMovesThereIsNotWritten) {
  write_text(theirs / "roots", "root's\n");
  keep_with_log({"-C", theirs.string()}, kSays);
  EVENTUALLY(has(read_text(log), "begin"));
  fs::rename(theirs / "roots", log);
  say("intruder");
  EVENTUALLY(has(trouble(), "as nobody: Permission denied")) << trouble();
  EXPECT_EQ("root's\n", read_text(log));
  EXPECT_EQ(0u, owner_of(log));
}

TEST_F(RightsOfALog, ADirectoryThatBecomesALinkLeadsNowhere) {
  const fs::path inner = theirs / "inner";
  fs::create_directory(inner);
  ASSERT_EQ(0, chown(inner.c_str(), kNobody, kNobody));
  keep({"-C", theirs.string(), "--log", (inner / "secret").string(), "sh", "-c", kSays});
  EVENTUALLY(has(read_text(inner / "secret"), "begin"));
  fs::rename(inner, theirs / "moved");
  fs::create_directory_symlink(own, inner);
  for (const char* doing : {"flush", "reopen", "rotate"}) {
    const Outcome out = box.ctl({doing, "app"});
    EXPECT_TRUE(out.code != 0 && has(out.err, "as nobody: Permission denied")) << doing << out.all();
  }
  say("intruder");
  EVENTUALLY(has(read_text(theirs / "moved/secret"), "intruder")) << "the file of before serves on";
  for (const auto& file : fs::directory_iterator(own))
    EXPECT_EQ(secret, file.path());
}

TEST_F(RightsOfALog, ALinkOfItsUsersToTheUsersOwnFileIsFollowed) {
  const fs::path real = theirs / "real";
  write_text(real, "");
  ASSERT_EQ(0, chown(real.c_str(), kNobody, kNobody));
  link_log_to("real");
  keep_with_log({}, "echo hello; sleep 1000");
  EVENTUALLY(has(read_text(real), "hello"));
  ASSERT_EQ(0, box.ctl({"rotate", "app"}).code);
  EXPECT_TRUE(has(read_text(real.string() + ".1"), "hello"));
  EXPECT_TRUE(fs::is_symlink(log));
}

/// A link to a file of the user's in root's directory: what lies beside that is root's.
TEST_F(RightsOfALog, WhatLiesBesideTheFileOfALinkIsNotTouched) {
  const fs::path real = own / "real", other = own / "real.1";
  write_text(real, "");
  write_text(other, "root's\n");
  ASSERT_EQ(0, chown(real.c_str(), kNobody, kNobody));
  link_log_to(real);
  keep_with_log({}, "echo hello; sleep 1000");
  EVENTUALLY(has(read_text(real), "hello"));
  EXPECT_NE(0, box.ctl({"rotate", "app"}).code);
  EXPECT_NE(0, box.ctl({"flush", "app"}).code);
  EXPECT_EQ("root's\n", read_text(other));
  EXPECT_FALSE(fs::exists(own / "real.idx"));
}

TEST_F(RightsOfALog, ItsFilesAreItsUsersOverRotationPackingAndReopening) {
  keep_with_log({"-C", theirs.string(), "--log-compress"}, kSays);
  EVENTUALLY(has(read_text(log), "begin"));
  ASSERT_EQ(0, box.ctl({"rotate", "app"}).code);
  EVENTUALLY(fs::exists(log.string() + ".1.gz"));
  fs::rename(log, theirs / "moved");
  ASSERT_EQ(0, box.ctl({"reopen", "app"}).code);
  say("afterwards");
  EVENTUALLY(has(read_text(log), "afterwards"));
  for (const auto& file : fs::directory_iterator(theirs))
    EXPECT_TRUE(owner_of(file) == kNobody || file.path().filename().string().starts_with("sa")) << file;
  ASSERT_EQ(0, box.ctl({"flush", "app"}).code);
  EXPECT_FALSE(fs::exists(log.string() + ".1.gz"));
}

TEST_F(RightsOfALog, InADirectoryOfRootsIsRootsAsItAlwaysWas) {
  const fs::path real = own / "app.log";
  fs::create_symlink(real, own / "link");
  keep({"--log", (own / "link").string(), "sh", "-c", "echo hello; sleep 1000"});
  EVENTUALLY(has(read_text(real), "hello"));
  EXPECT_EQ(0u, owner_of(real));
  ASSERT_EQ(0, box.ctl({"rotate", "app"}).code);
  EXPECT_TRUE(has(read_text(real.string() + ".1"), "hello"));
}

/// The home may lie in a directory of the user's.
TEST_F(RightsOfALog, InTheHomeIsRootsWhereverTheHomeLies) {
  ASSERT_EQ(0, chown(box.root().c_str(), kNobody, kNobody));
  keep({"-C", theirs.string(), "sh", "-c", "echo hello; sleep 1000"});
  EVENTUALLY(box.logged("app", "hello"));
  EXPECT_EQ(0u, owner_of(box.log_path("app")));
  ASSERT_EQ(0, chown(box.root().c_str(), 0, 0));
}

// --- the log of an app that is stopped

struct RightsOfCtl : RightsOfALog {
  void SetUp() override {
    RightsOfALog::SetUp();
    if (IsSkipped()) return;
    keep_with_log({}, "echo hello; sleep 1000");
    EVENTUALLY(has(read_text(log), "hello"));
    ASSERT_EQ(0, box.ctl({"stop", "app"}).code);
  }
  /// Its directory is a link to root's now, with files of the same names.
  void exchange_directory() {
    for (const char* name : {"app.log", "app.log.1", "app.log.idx"})
      write_text(own / name, "root's own\n");
    fs::rename(theirs, box.root() / "moved");
    fs::create_directory_symlink(own, theirs);
    ASSERT_EQ(0, lchown(theirs.c_str(), kNobody, kNobody));
    ASSERT_EQ(0, chown(box.root().c_str(), kNobody, kNobody));
  }
  void expect_roots_files() {
    for (const char* name : {"app.log", "app.log.1", "app.log.idx"})
      EXPECT_EQ("root's own\n", read_text(own / name));
    ASSERT_EQ(0, chown(box.root().c_str(), 0, 0));
  }
};

TEST_F(RightsOfCtl, ItsFilesAreRemovedWhereTheUserMayRemoveThem) {
  write_text(log.string() + ".1", "older\n");
  ASSERT_EQ(0, box.ctl({"flush", "app"}).code);
  EXPECT_TRUE(fs::is_empty(theirs));
}

TEST_F(RightsOfCtl, FlushAndDeleteRemoveNothingBehindALink) {
  exchange_directory();
  (void)box.ctl({"flush", "app"});
  (void)box.ctl({"delete", "app"});
  expect_roots_files();
}

TEST_F(RightsOfCtl, ALinkAloneIsRemovedAndNotWhatItLeadsTo) {
  link_log_to(secret);
  ASSERT_EQ(0, box.ctl({"delete", "app"}).code);
  EXPECT_FALSE(fs::is_symlink(log));
}

TEST_F(RightsOfCtl, WhatOnlyRootMayReadIsNotShown) {
  link_log_to(secret);
  const Outcome out = box.ctl({"logs", "app"});
  EXPECT_FALSE(has(out.all(), "root's own")) << out.all();
  fs::remove(log);
  write_text(log, "nobody's\n");
  ASSERT_EQ(0, chown(log.c_str(), kNobody, kNobody));
  EXPECT_TRUE(has(box.ctl({"logs", "app"}).out, "nobody's"));
}

TEST_F(RightsOfALog, WhatOnlyRootMayReadIsNotShownOfALivingOneEither) {
  keep_with_log({"-C", theirs.string()}, kSays);
  EVENTUALLY(has(read_text(log), "begin"));
  link_log_to(secret);
  say("more");
  EVENTUALLY(has(trouble(), kLinkRefused));
  EXPECT_FALSE(has(box.ctl({"logs", "app"}).all(), "root's own"));
}

// --- other files that somebody names

struct RightsAtAPath : Rights {
  /// A directory of the user's that leads to root's now.
  void exchange(const fs::path& directory) {
    fs::rename(directory, directory.string() + ".moved");
    fs::create_directory_symlink(own, directory);
    ASSERT_EQ(0, lchown(directory.c_str(), kNobody, kNobody));
  }
  fs::path directory_of_theirs(const char* name) {
    fs::create_directory(theirs / name);
    EXPECT_EQ(0, chown((theirs / name).c_str(), kNobody, kNobody));
    return theirs / name;
  }
};

TEST_F(RightsAtAPath, APidFileIsTheUsersInADirectoryOfTheUsers) {
  const fs::path file = directory_of_theirs("run") / "app.pid";
  keep({"--pid-file", file.string(), "sleep", "1000"});
  EVENTUALLY(read_text(file) == std::to_string(box.pid("app")) + "\n");
  EXPECT_EQ(kNobody, owner_of(file));
  exchange(theirs / "run");
  ASSERT_EQ(0, box.ctl({"restart", "app"}).code);
  EVENTUALLY(box.logged("app", "cannot write " + file.string() + ": " + kLinkRefused));
  write_text(own / "app.pid", std::to_string(box.pid("app")) + "\n");
  ASSERT_EQ(0, box.ctl({"stop", "app"}).code);
  EXPECT_TRUE(fs::exists(own / "app.pid"));
}

TEST_F(RightsAtAPath, APidFileThatTheUserMayNotWriteIsRefusedAtTheStart) {
  fs::create_directory(theirs / "roots");
  ASSERT_EQ(0, chmod((theirs / "roots").c_str(), 0755));
  const Outcome out = box.keeper({"-d", "--user", "nobody", "--pid-file", (theirs / "roots/x.pid").string(),
                                  "-n", "app", "sleep", "1000"});
  EXPECT_EQ(2, out.code);
  EXPECT_TRUE(has(out.err, "--pid-file: no file can be made in " + (theirs / "roots").string() +
                               " as nobody: Permission denied"))
      << out.err;
}

TEST_F(RightsAtAPath, AListeningSocketIsTheUsersInADirectoryOfTheUsers) {
  const fs::path path = directory_of_theirs("run") / "app.sock";
  keep({"--listen", "unix:" + path.string(), "sleep", "1000"});
  EVENTUALLY(fs::is_socket(path));
  EXPECT_EQ(kNobody, owner_of(path));
  fs::create_hard_link(path, own / "app.sock");
  exchange(theirs / "run");
  ASSERT_EQ(0, box.ctl({"stop", "app"}).code);
  EXPECT_TRUE(fs::is_socket(own / "app.sock"));
  const Outcome out = box.ctl({"start", "app"});
  EXPECT_NE(0, out.code);
  EXPECT_TRUE(has(out.err, "cannot listen at unix:" + path.string() + ": " + kLinkRefused)) << out.err;
}

TEST_F(RightsAtAPath, AListeningSocketIsRemovedWithItsUsersRights) {
  const fs::path path = theirs / "app.sock";
  keep({"--listen", "unix:" + path.string(), "sleep", "1000"});
  ASSERT_EQ(0, box.ctl({"stop", "app"}).code);
  EXPECT_TRUE(fs::is_empty(theirs));
}

TEST_F(RightsAtAPath, AListeningSocketIsMadeAgainWithItsUsersRightsAndNowhereElse) {
  const fs::path path = directory_of_theirs("run") / "app.sock";
  keep({"--listen", "unix:" + path.string(), "sleep", "1000"});
  EVENTUALLY(fs::is_socket(path));
  fs::remove(path);
  EVENTUALLY(fs::is_socket(path));
  EXPECT_EQ(kNobody, owner_of(path.parent_path() / ".app.sock.keeper"));
  fs::create_hard_link(path, own / ".app.sock.keeper");
  exchange(theirs / "run");
  const int pid = box.pid("app");
  ASSERT_EQ(0, box.ctl({"restart", "app"}).code);  // each start looks for it
  EVENTUALLY(box.runs_another("app", pid));
  EXPECT_FALSE(fs::exists(own / "app.sock"));
}

TEST_F(RightsAtAPath, AnEnvFileOfTheUsersDirectoryIsReadAsTheUser) {
  const fs::path file = theirs / "env";
  write_text(secret, "root's own\n");
  write_text(file, "A=nobodys\n", 0644);
  keep({"--env-file", file.string(), "sh", "-c", "echo \"A is $A\"; sleep 1000"});
  EVENTUALLY(box.logged("app", "A is nobodys"));
  fs::remove(file);
  fs::create_symlink(secret, file);
  ASSERT_EQ(0, lchown(file.c_str(), kNobody, kNobody));
  const Outcome out =
      box.keeper({"-d", "-n", "other", "--user", "nobody", "--env-file", file.string(), "sleep", "9"});
  EXPECT_EQ(2, out.code);
  EXPECT_TRUE(has(out.err, "as nobody, who may change it: Permission denied")) << out.err;
  ASSERT_EQ(0, box.ctl({"stop", "app"}).code);
  EXPECT_NE(0, box.ctl({"start", "app"}).code);
}

/// A program in the user's directory that says "begun", and a file with a secret first line that root alone
/// may read and execute.
struct RightsAtAProgram : RightsAtAPath {
  const fs::path app = theirs / "app.js", roots = own / "program.js";

  void SetUp() override {
    RightsAtAPath::SetUp();
    if (IsSkipped()) return;
    write_text(app, "#!/bin/sh\necho begun\nexec sleep 1000\n", 0755);
    write_text(roots, "#!/secret\n", 0700);
    keep({app.string()});
    EVENTUALLY(box.logged("app", "begun"));
    fs::remove(app);
  }
  void expect_refused(const Outcome& out) {
    EXPECT_NE(0, out.code);
    EXPECT_TRUE(has(out.err, app.string() + " as nobody: Permission denied")) << out.all();
    EXPECT_FALSE(has(out.all(), "'/secret'")) << out.all();
  }
};

TEST_F(RightsAtAProgram, ALinkToWhatOnlyRootMayReadIsRefusedAndNotShown) {
  const int pid = box.pid("app");
  fs::create_symlink(roots, app);
  ASSERT_EQ(0, lchown(app.c_str(), kNobody, kNobody));
  expect_refused(box.ctl({"restart", "app"}));
  EXPECT_EQ(pid, box.pid("app")) << "the run before goes on";
  ASSERT_EQ(0, kill(pid, SIGKILL));
  EVENTUALLY(box.logged("app", " as nobody: Permission denied"));
  EXPECT_FALSE(has(box.log("app"), "'/secret'"));
  (void)box.ctl({"stop", "app"});
  expect_refused(box.ctl({"start", "app"}));
  expect_refused(box.keeper({"-d", "-n", "other", "--user", "nobody", app.string()}));
  const Outcome doctor = box.ctl({"doctor"});
  EXPECT_FALSE(has(doctor.all(), "/secret")) << doctor.all();
}

TEST_F(RightsAtAProgram, AFifoInItsPlaceHoldsNobody) {
  ASSERT_EQ(0, mkfifo(app.c_str(), 0777));
  ASSERT_EQ(0, chmod(app.c_str(), 0777));
  const Outcome out = box.ctl({"restart", "app"});
  EXPECT_NE(0, out.code);
  EXPECT_TRUE(has(out.err, app.string() + " is not a regular file")) << out.all();
  EXPECT_EQ(0, box.ctl({"list", "--timeout", "5s"}).code);
  ASSERT_EQ(0, box.ctl({"stop", "app"}).code);
  (void)box.ctl({"doctor"});
}

}  // namespace
}  // namespace keeper
