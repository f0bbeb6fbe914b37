// What a program is spawned with, each setting as the program itself sees it, and each one's failure by name.
#include <sys/resource.h>
#include <sys/syscall.h>

#include "tests/edges/support/run.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

using std::string;

/// The line of children/says that begins with these words, without them.
string told(const ChildSettings& settings, const string& words, RunExtras extras = {}) {
  TestRun run({CHILDREN_DIR "/says"}, settings, std::move(extras));
  run.end();
  string all = run.said();
  auto at = ("\n" + all).find("\n" + words + " ");
  if (at == string::npos) return "nothing was said of " + words + ":\n" + all;
  string rest = all.substr(at + words.size() + 1);
  return rest.substr(0, rest.find('\n'));
}

SpawnError failure_of(const ChildSettings& settings, RunExtras extras = {},
                      const string& program = "/bin/true", const string& directory = "/") {
  static const char* const none[] = {nullptr};
  SpawnPlan plan({program}, none, {}, directory, settings);
  Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  Pipe pipe;
  auto result = spawn(plan, {null.get(), pipe.writing.get(), pipe.writing.get()}, std::move(extras));
  if (auto* failed = std::get_if<SpawnError>(&result)) return *failed;
  ADD_FAILURE() << "it was spawned";
  waitpid(std::get<Spawned>(result).pid, nullptr, 0);
  return {};
}

/// In a process of nobody's, for what root may and others may not; its text comes back. No test library in
/// there: what it would print is nobody's.
string as_nobody(const std::function<string()>& work) {
  Pipe pipe;
  pid_t pid = fork();
  if (pid == 0) {
    become_nobody();
    string text = work();
    _exit(write(pipe.writing.get(), text.data(), text.size()) < 0 ? 1 : 0);
  }
  pipe.writing.reset();
  string out;
  char chunk[512];
  for (ssize_t got = 0; (got = read(pipe.reading.get(), chunk, sizeof chunk)) > 0;)
    out.append(chunk, static_cast<std::size_t>(got));
  waitpid(pid, nullptr, 0);
  return out;
}

string failure_text(const ChildSettings& settings) {
  SpawnError error = failure_of(settings);
  return error.text + (error.permanent ? " (permanent)" : "");
}

ChildSettings settings_of(const string& json, const std::vector<int>& inherited = {}) {
  auto spec = parse_spec(json);
  EXPECT_TRUE(spec) << spec.error().text();
  auto settings = make_settings(*spec, inherited);
  EXPECT_TRUE(settings) << settings.error().text();
  return settings ? *settings : ChildSettings{};
}

ChildSettings nobody() {
  ChildSettings settings;
  settings.identity = Identity{"nobody", 65534, 65533, {7, 65533}};
  return settings;
}

TEST(Settings, TheMaskIsThatOfTheSpec) {
  EXPECT_EQ("027", told(settings_of(R"({"umask":"027"})"), "umask"));
  EXPECT_EQ("000", told(settings_of(R"({"umask":"0"})"), "umask"));
}

TEST(Settings, ThePriorityIsThatOfTheSpec) {
  const int own = getpriority(PRIO_PROCESS, 0);
  EXPECT_EQ("19", told(settings_of(R"({"nice":19})"), "nice"));  // which no user is refused
  EXPECT_EQ(own, getpriority(PRIO_PROCESS, 0)) << "the keeper's own stays";
}

TEST(Settings, ThePriorityThatMayNotBeHadIsNamed) {
  EXPECT_EQ("set priority nice=-5: Permission denied (permanent)",
            as_nobody([] { return failure_text(settings_of(R"({"nice":-5})")); }));
}

TEST(Settings, TheWishToBeKilledFirstIsThatOfTheSpec) {
  EXPECT_EQ("555", told(settings_of(R"({"oom_score_adj":555})"), "oom_score_adj"));
  EXPECT_NE("555\n", read_text("/proc/self/oom_score_adj")) << "the keeper's own stays";
}

TEST(Settings, TheWishToBeSparedThatMayNotBeHadIsNamed) {
  EXPECT_EQ("set oom_score_adj=-1000: Permission denied (permanent)",
            as_nobody([] { return failure_text(settings_of(R"({"oom_score_adj":-1000})")); }));
}

TEST(Settings, LimitsAreThoseOfTheSpec) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  ChildSettings settings = settings_of(R"({"limits":{"nofile":"100:200","core":0}})");
  EXPECT_EQ("100 200", told(settings, "limit nofile"));
  EXPECT_EQ("0 0", told(settings, "limit core"));
  rlimit after{};
  getrlimit(RLIMIT_NOFILE, &after);
  EXPECT_EQ(before.rlim_cur, after.rlim_cur) << "the keeper's own stays";
}

TEST(Settings, TheLimitThatMayNotBeHadIsNamed) {
  EXPECT_EQ("set resource limit nofile=1024:999999999: Operation not permitted (permanent)", as_nobody([] {
              return failure_text(settings_of(R"({"limits":"core=0,nofile=1024:999999999"})"));
            }));
}

TEST(Settings, ALowLimitOnDescriptorsIsInNobodysWay) {
  ChildSettings settings = settings_of(R"({"limits":"nofile=32","oom_score_adj":600})");
  Pipe pipe;
  EXPECT_EQ("32 32", told(settings, "limit nofile", passing(pipe.writing.get(), 50)));
}

TEST(Settings, TheUserHasItsIdsAndGroupsAndNoOthers) {
  NEEDS_ROOT();
  EXPECT_EQ("65534", told(nobody(), "uid"));
  EXPECT_EQ("65533", told(nobody(), "gid"));
  EXPECT_EQ("7,65533", told(nobody(), "groups"));
  EXPECT_EQ(0u, getuid());
  EXPECT_EQ(0u, geteuid());
}

TEST(Settings, TheUserKeepsWhatOnlyRootMaySet) {
  NEEDS_ROOT();
  ChildSettings settings = nobody();
  settings.nice = -3;
  settings.umask = 077;
  EXPECT_EQ("-3", told(settings, "nice"));
  EXPECT_EQ("077", told(settings, "umask"));
}

TEST(Settings, TheUserMayOpenItsOutputByName) {
  NEEDS_ROOT();
  TestRun run({"/bin/sh", "-c", "echo one > /dev/stdout; echo two > /proc/self/fd/2"}, nobody());
  EXPECT_EQ(ExitInfo::code(0), run.end());
  EXPECT_EQ("one\ntwo\n", run.said());
}

TEST(Settings, TheDirectoryIsEnteredAsTheUser) {
  NEEDS_ROOT();
  Place place;  // 0700, ours
  SpawnError error = failure_of(nobody(), {}, "/bin/true", place.path().string());
  EXPECT_EQ(Stage::directory, error.stage);
  EXPECT_EQ("chdir " + place.path().string() + ": Permission denied", error.text);
}

TEST(Settings, ASpawnAsAnotherUserLeavesTheKeeperAsItWas) {
  NEEDS_ROOT();
  int before = prctl(PR_GET_DUMPABLE);
  told(nobody(), "uid");
  EXPECT_EQ(before, prctl(PR_GET_DUMPABLE));
  failure_of(nobody(), {}, "/no/such");
  EXPECT_EQ(before, prctl(PR_GET_DUMPABLE));
}

TEST(Settings, WithoutRootTheGroupsCannotBeTaken) {
  EXPECT_EQ("take the groups of nobody: Operation not permitted (permanent)",
            as_nobody([] { return failure_text(nobody()); }));
}

TEST(Settings, DescriptorsThatAreAskedForArePassedOnUnderTheirNumbersAndNoOthers) {
  Fd file(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
  for (int fd : {60, 61, 62})
    ASSERT_EQ(fd, dup3(file.get(), fd, O_CLOEXEC));
  ChildSettings settings;
  settings.inherit_fds = {60, 62};
  EXPECT_EQ("/etc/passwd", told(settings, "fd 60"));
  EXPECT_EQ("/etc/passwd", told(settings, "fd 62"));
  EXPECT_TRUE(told(settings, "fd 61").starts_with("nothing was said"));
  EXPECT_EQ(FD_CLOEXEC, fcntl(60, F_GETFD)) << "the keeper's own stays";
  for (int fd : {60, 61, 62})
    close(fd);
}

TEST(Settings, ADescriptorThatIsNotThereIsNamed) {
  ChildSettings settings;
  settings.inherit_fds = {999};
  SpawnError error = failure_of(settings);
  EXPECT_EQ(Stage::descriptors, error.stage);
  EXPECT_EQ("pass on descriptor 999: Bad file descriptor", error.text);
}

TEST(Settings, AnExtraDescriptorGetsTheNumberThatIsAskedFor) {
  Pipe pipe;
  int from = pipe.writing.get();
  string pipe_name = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(from)).string();
  EXPECT_EQ(pipe_name, told({}, "fd 40", passing(from, 40)));
  EXPECT_EQ(pipe_name, told({}, "fd " + std::to_string(from), passing(from, from)));
  EXPECT_TRUE(told({}, "fd " + std::to_string(from), passing(from, 40)).starts_with("nothing was said"));
}

TEST(Settings, AnExtraDescriptorUnderAnyNumberHidesNoFailure) {
  Pipe pipe;
  for (int to = 3; to < 40; ++to) {  // one of them is the number of the pipe that failures come through
    SpawnError error = failure_of({}, passing(pipe.writing.get(), to), "/no/such");
    EXPECT_EQ("exec /no/such: No such file or directory", error.text) << to;
  }
}

string name_of(int fd) {
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)).string();
}

TEST(Settings, ExtraDescriptorsMayChangePlaces) {
  Pipe a, b;
  const int one = a.writing.get(), two = b.writing.get(), three = b.reading.get();
  RunExtras extras;
  extras.fds = {{one, two}, {two, three}, {three, one}};
  TestRun run({CHILDREN_DIR "/says"}, {}, extras);
  run.end();
  const string said = run.said();
  for (auto [from, to] : {std::pair(one, two), std::pair(two, three), std::pair(three, one)})
    EXPECT_NE(string::npos, said.find("fd " + std::to_string(to) + " " + name_of(from) + "\n")) << said;
}

TEST(Settings, AFreeNumberIsAboveAllOthers) {
  RunExtras extras;
  EXPECT_EQ(3, extras.free_number({}));
  EXPECT_EQ(10, extras.free_number({4, 9}));
  extras.fds = {{7, 3}, {8, 4}};
  EXPECT_EQ(5, extras.free_number({}));
  EXPECT_EQ(6, extras.free_number({5}));
}

TEST(Settings, ARunHasVariablesOfItsOwnAndOneWithItsPid) {
  RunExtras extras;
  extras.variables = {"LISTEN_FDS=2", "OTHER=x"};
  extras.pid_variable = "LISTEN_PID";
  static const char* const none[] = {nullptr};
  SpawnPlan plan({CHILDREN_DIR "/says"}, none, {"KEPT=1", "OTHER=of the plan"}, "/");
  Fd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (int again = 0; again < 2; ++again) {
    Pipe pipe;
    auto result = spawn(plan, {null.get(), pipe.writing.get(), pipe.writing.get()}, extras);
    ASSERT_TRUE(std::holds_alternative<Spawned>(result));
    const int pid = std::get<Spawned>(result).pid;
    waitpid(pid, nullptr, 0);
    char said[16 * 1024] = {};
    ASSERT_GT(read(pipe.reading.get(), said, sizeof said - 1), 0);
    for (const string& line : {"env LISTEN_PID=" + std::to_string(pid), string("env LISTEN_FDS=2"),
                               string("env KEPT=1"), string("env OTHER=x")})
      EXPECT_NE(string::npos, string(said).find("\n" + line + "\n")) << said;
    EXPECT_EQ(string::npos, string(said).find("of the plan"));
  }
}

TEST(MakeSettings, OfASpecWithoutAnyAreNone) {
  ChildSettings settings = settings_of("{}");
  EXPECT_FALSE(settings.umask || settings.nice || settings.identity);
  EXPECT_TRUE(settings.oom_score_adj.empty() && settings.limits.empty() && settings.inherit_fds.empty());
}

TEST(MakeSettings, RefuseDescriptorsThatDidNotComeFromTheCaller) {
  EXPECT_EQ((std::vector<int>{5, 6}), settings_of(R"({"inherit_fds":[5,6]})", {6, 5, 9}).inherit_fds);
  auto spec = parse_spec(R"({"inherit_fds":[5,6]})");
  auto settings = make_settings(*spec, {5});
  ASSERT_FALSE(settings);
  EXPECT_EQ(Reason::refused, settings.error().reason);
  EXPECT_TRUE(settings.error().text().starts_with("cannot pass on descriptor 6: "))
      << settings.error().text();
}

TEST(MakeSettings, BecomeTheUserThatWasLookedUp) {
  auto spec = parse_spec(R"({"user":"web","run_as":"web:1000:50:33,50:/home/web:/bin/sh"})");
  EXPECT_EQ((std::vector<string>{"HOME=/home/web", "USER=web", "LOGNAME=web", "SHELL=/bin/sh"}),
            user_environment(*spec));
  NEEDS_ROOT();
  auto settings = make_settings(*spec, {});
  ASSERT_TRUE(settings && settings->identity);
  EXPECT_EQ(1000u, settings->identity->uid);
  EXPECT_EQ(50u, settings->identity->gid);
  EXPECT_EQ((std::vector<unsigned>{33, 50}), settings->identity->groups);
}

TEST(MakeSettings, RefuseARecordThatNamesNoAccount) {
  Spec spec;
  spec.run_as = "nonsense";
  EXPECT_FALSE(make_settings(spec, {}));
}

}  // namespace
}  // namespace keeper
