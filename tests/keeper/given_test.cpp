// What a kept program is given, all of it, however messy the process was that keeper was started from; and
// what is taken from one that runs as another user. What it was given is told by children/says.
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "tests/keeper/support/said.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

/// Open descriptors, every signal ignored and blocked, an odd mask, low limits, a signal for its parent's
/// death.
void make_a_mess() {
  int file = open("/etc/passwd", O_RDONLY);
  for (int fd : {4, 5, 9, 63, 200})
    if (dup2(file, fd) < 0) _exit(125);
  const unsigned long ignored[8] = {1};  // SIG_IGN; the library would leave out those that it uses itself
  for (int number = 1; number <= SIGRTMAX; ++number)
    syscall(SYS_rt_sigaction, number, ignored, nullptr, (_NSIG - 1) / 8);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  umask(0137);
  rlimit files{300, 400}, core{0, 0};
  setrlimit(RLIMIT_NOFILE, &files);
  setrlimit(RLIMIT_CORE, &core);
  prctl(PR_SET_PDEATHSIG, SIGHUP);
  prctl(PR_SET_TIMERSLACK, 123'456);
}

Start messy(Words words) {
  Start how{std::move(words)};
  how.before = make_a_mess;
  return how;
}

/// What the README says is not passed on.
bool of_another_manager(const string& entry) {
  if (entry.starts_with("KEEPER_HOME=")) return false;
  for (const char* start :
       {"KEEPER_", "NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_", "NODE_CHANNEL_", "NODE_UNIQUE_ID="})
    if (entry.starts_with(start)) return true;
  return false;
}

/// Its standard descriptors, and no other.
void expect_three_descriptors(const Said& said) {
  auto open_ones = said.all("fd");
  ASSERT_EQ(3u, open_ones.size()) << testing::PrintToString(open_ones);
  EXPECT_TRUE(open_ones.contains("0 /dev/null"));
  string out = *std::next(open_ones.begin()), err = *std::prev(open_ones.end());
  EXPECT_TRUE(out.starts_with("1 pipe:[")) << out;
  EXPECT_EQ(out.substr(1), err.substr(1));
}

void expect_own_session(const Said& said) {
  EXPECT_EQ(said.one("pid"), said.one("sid"));
  EXPECT_EQ(said.one("pid"), said.one("pgid"));
  EXPECT_EQ("0", said.one("tty"));
}

void expect_plain_signals(const Said& said) {
  for (const char* mask : {"SigBlk", "SigIgn", "SigCgt"})
    EXPECT_EQ("0000000000000000", said.one(mask)) << mask;
  for (const char* word : {"pdeathsig", "subreaper"})
    EXPECT_EQ("0", said.one(word)) << word;
  EXPECT_EQ("1", said.one("dumpable"));
}

/// What the caller has, and the four variables that say who it is.
void expect_environment(const Said& said, const Said& caller) {
  std::set<string> given, wanted;
  for (const string& entry : said.all("env"))
    given.insert(entry.substr(0, entry.find('=')) == "KEEPER_PID" ? "KEEPER_PID" : entry);
  for (const string& entry : caller.all("env"))
    if (!of_another_manager(entry)) wanted.insert(entry);
  wanted.insert({"KEEPER_NAME=app", "KEEPER_INSTANCE=0", "KEEPER_PID", "NODE_APP_INSTANCE=0"});
  EXPECT_EQ(wanted, given);
  EXPECT_EQ(said.one("ppid"), said.variable("KEEPER_PID"));
}

/// As if the caller had run it itself, but for what a kept program has of its own.
void expect_clean(const Said& said, const Said& caller) {
  ASSERT_EQ("all", said.one("said"));
  expect_three_descriptors(said);
  expect_own_session(said);
  expect_plain_signals(said);
  expect_environment(said, caller);
  for (const char* word : {"uid", "gid", "groups", "umask", "nice", "oom_score_adj", "timerslack", "limit",
                           "cwd", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"})
    EXPECT_EQ(caller.all(word), said.all(word)) << word;
}

/// What each run said, once so many have said all.
std::vector<Said> runs_of(const Sandbox& box, const string& stem, std::size_t count) {
  const string last = "said all\n";
  EXPECT_TRUE(eventually([&] { return count_of(box.log(stem), last) >= static_cast<int>(count); }));
  std::vector<Said> out;
  string log = box.log(stem);
  for (std::size_t at = 0, end; (end = log.find(last, at)) != string::npos; at = end + last.size())
    out.emplace_back(log.substr(at, end + last.size() - at));
  EXPECT_EQ(count, out.size());
  return out;
}

struct Given : testing::Test {
  Sandbox box;
  Said caller{box.run(messy({child("says")})).out};

  Words kept(Words options, const char* how = nullptr) const {
    Words out = {program("keeper"), "-n", "app", "--log-markers", "false", "--start-secs", "0.1"};
    out.insert(out.end(), options.begin(), options.end());
    out.push_back(child("says"));
    if (how != nullptr) out.emplace_back(how);
    return out;
  }
};

TEST_F(Given, InTheForegroundIsWhatTheCallerHasAndNoMess) {
  EXPECT_EQ(string(16, '0').size(), caller.one("SigIgn").size());
  EXPECT_NE(string(16, '0'), caller.one("SigIgn")) << "the caller is no mess";
  EXPECT_LT(5u, caller.all("fd").size()) << "the caller is no mess";
  Outcome out = box.run(messy(kept({"--restart", "never"})));
  ASSERT_EQ(0, out.code) << out.all();
  expect_clean(Said(out.out), caller);
}

TEST_F(Given, AtATerminalIsNotTheTerminal) {
  Start how = messy(kept({"--restart", "never"}));
  how.terminal = true;
  Outcome out = box.run(how);
  ASSERT_EQ(0, out.code) << out.all();
  expect_clean(runs_of(box, "app", 1).back(), caller);
}

TEST_F(Given, DetachedAndAfterEveryKindOfRestartIsTheSame) {
  ASSERT_EQ(0, box.run(messy(kept({"-d", "--backoff", "none"}, "wait"))).code);
  expect_clean(runs_of(box, "app", 1).back(), caller);
  ASSERT_EQ(0, box.ctl({"restart", "app"}).code);
  expect_clean(runs_of(box, "app", 2).back(), caller);
  kill(box.pid("app"), SIGKILL);
  expect_clean(runs_of(box, "app", 3).back(), caller);
  ASSERT_EQ(0, box.ctl({"stop", "app"}).code);
  ASSERT_EQ(0, box.run(messy({program("ctl"), "start", "app"})).code);
  expect_clean(runs_of(box, "app", 4).back(), caller);
}

TEST_F(Given, AreTheDescriptorsThatWereAskedForBesides) {
  Outcome out = box.run(messy(kept({"--restart", "never", "--inherit-fds", "9,63", "--ready", "fd:5"})));
  std::set<string> others;
  for (const string& fd : Said(out.out).all("fd"))
    if (fd[0] > '2' || fd[1] != ' ') others.insert(fd.substr(0, fd.find(':')));
  EXPECT_EQ((std::set<string>{"9 /etc/passwd", "63 /etc/passwd", "5 pipe"}), others) << out.all();
}

// --- another user

/// Programs that every user may run, wherever this was built.
struct GivenUser : Given {
  fs::path bin;
  GivenUser() {
    string name = (fs::temp_directory_path() / "keeper-bin-XXXXXX").string();
    bin = mkdtemp(name.data());
    fs::permissions(bin, fs::perms(0755));
    for (const char* one : {"says", "notifies"})
      fs::copy_file(child(one), bin / one);
  }
  ~GivenUser() override { fs::remove_all(bin); }

  Words kept_as(const string& user, Words options, Words words) const {
    Words out = {program("keeper"), "-n", "app", "-C", "/", "--log-markers", "false", "--user", user};
    out.insert(out.end(), options.begin(), options.end());
    words.front() = (bin / words.front()).string();
    out.insert(out.end(), words.begin(), words.end());
    return out;
  }
};

/// Root that hands all it may on: groups, inheritable and ambient capabilities, and ids that change nothing
/// of these (capabilities(7), SECBIT_NO_SETUID_FIXUP). What the machine does not allow is left out.
void hand_everything_on() {
  gid_t groups[] = {1, 2, 3};
  if (setgroups(3, groups) < 0) _exit(125);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
  syscall(SYS_capget, &header, data);
  for (auto& half : data)
    half.inheritable = half.permitted;
  syscall(SYS_capset, &header, data);
  for (unsigned long capability = 0; capability <= CAP_LAST_CAP; ++capability)
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
  constexpr unsigned long no_setuid_fixup = 1 << 2;
  prctl(PR_SET_SECUREBITS, no_setuid_fixup);
}

void expect_powerless(const Said& said) {
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
    EXPECT_EQ("0000000000000000", said.one(set)) << set;
  for (const char* word : {"root", "group-root", "groups-of-root"})
    EXPECT_EQ("no", said.one(word)) << word;
}

TEST_F(GivenUser, HasNothingLeftOfRoot) {
  NEEDS_ROOT();
  Start how{kept_as("4242:4243", {"--restart", "never"}, {"says"})};
  how.before = [] {
    make_a_mess();
    hand_everything_on();
  };
  Outcome out = box.run(how);
  ASSERT_EQ(0, out.code) << out.all();
  Said said(out.out);
  EXPECT_EQ("4242 4243 4243", said.one("uid") + " " + said.one("gid") + " " + said.one("groups"));
  expect_powerless(said);
  expect_three_descriptors(said);
  expect_own_session(said);
  expect_plain_signals(said);
}

/// A user in /etc/passwd that groups in /etc/group name as a member, else nobody.
const passwd& user_with_groups() {
  setgrent();
  while (const group* one = getgrent())
    for (char** member = one->gr_mem; *member != nullptr; ++member)
      if (const passwd* user = getpwnam(*member); user != nullptr && user->pw_uid != 0) return *user;
  return *getpwnam("nobody");
}

TEST_F(GivenUser, HasItsOwnGroupsAndNoneOfTheCallers) {
  NEEDS_ROOT();
  const passwd& user = user_with_groups();
  gid_t groups[64];
  int count = 64;
  ASSERT_GT(getgrouplist(user.pw_name, user.pw_gid, groups, &count), 0);
  std::sort(groups, groups + count);
  string wanted;
  for (int i = 0; i < count; ++i)
    wanted += (i == 0 ? "" : ",") + std::to_string(groups[i]);
  Start how{kept_as(user.pw_name, {"--restart", "never"}, {"says"})};
  how.before = hand_everything_on;
  Outcome out = box.run(how);
  ASSERT_EQ(0, out.code) << out.all();
  EXPECT_EQ(std::to_string(user.pw_uid), Said(out.out).one("uid"));
  EXPECT_EQ(wanted, Said(out.out).one("groups")) << user.pw_name;
  expect_powerless(Said(out.out));
}

TEST_F(GivenUser, ThatIsRootWithAnotherGroupStaysRoot) {
  NEEDS_ROOT();
  Outcome out = box.run({kept_as("root:7", {"--restart", "never"}, {"says"})});
  ASSERT_EQ(0, out.code) << out.all();
  EXPECT_EQ("0 7", Said(out.out).one("uid") + " " + Said(out.out).one("gid"));
  EXPECT_EQ(caller.one("CapEff"), Said(out.out).one("CapEff"));
}

TEST_F(GivenUser, IsHeardThroughItsSocketAndItsLogAndItsCommandsRunAsIt) {
  NEEDS_ROOT();
  Outcome out = box.run(
      {kept_as("nobody", {"-d", "--ready", "notify", "--ready", "cmd:test $(id -u) = 65534 || exit 1"},
               {"notifies", "say:words", "READY=1\\nSTATUS=well"})});
  ASSERT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(box.status("app")->ready);
  EVENTUALLY(box.logged("app", "words\n"));
  EXPECT_EQ("well", box.status("app")->status_text);
  fs::path pid_file = box.home() / "apps/app/pid";
  EXPECT_EQ(std::to_string(box.pid("app")) + "\n", read_text(pid_file));
  struct stat at {};
  for (const fs::path& own : {pid_file, box.log_path("app")}) {
    ASSERT_EQ(0, stat(own.c_str(), &at));
    EXPECT_EQ(0u, at.st_uid) << own;
    EXPECT_EQ(0600u, at.st_mode & 07777) << own;
  }
}

}  // namespace
}  // namespace keeper
