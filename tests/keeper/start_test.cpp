// Starting: what is found and run, under which name, what a caller is told, and what a failure leaves behind
// (nothing).
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <set>

#include "tests/keeper/support/sandbox.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

/// What a command that cannot run its program must not leave: a record, a socket, a log, a process.
void expect_nothing(Sandbox& box) {
  for (const char* room : {"apps", "sock", "logs"}) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(box.home() / room, ignored))
      ADD_FAILURE() << "left: " << entry.path();
  }
  // A client that waited was told before the keeper left.
  if (eventually([&] { return box.processes().empty(); })) return;
  for (int pid : box.processes())
    ADD_FAILURE() << "left: " << describe(pid);
}

TEST(Start, DetachedItPrintsNameAndPidsOnceTheRunIsConfirmed) {
  Sandbox box;
  Outcome out = box.keeper({"-d", "-n", "api", "--start-secs", "0.3", "sleep", "1000"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_GE(out.took, Millis(300));
  auto status = box.status("api");
  ASSERT_TRUE(status && status->pid && status->keeper_pid);
  EXPECT_EQ(State::running, status->state);
  EXPECT_TRUE(status->ready);
  EXPECT_EQ("api: running, pid " + std::to_string(*status->pid) + ", keeper " +
                std::to_string(*status->keeper_pid) + "\n",
            out.out);
  EXPECT_TRUE(alive(*status->pid));
}

TEST(Start, DetachedItHoldsNothingOfItsCaller) {
  Sandbox box;
  int ends[2];
  ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
  Fd reading(ends[0]), writing(ends[1]);
  Start how{{program("keeper"), "-d", "-n", "api", "--start-secs", "0", "sleep", "1000"}};
  how.out = how.err = writing.get();
  EXPECT_EQ(0, box.run(how).code);
  writing.reset();
  string said;
  char chunk[256];
  // The end of the pipe comes although the keeper lives.
  for (ssize_t got = 0; (got = read(reading.get(), chunk, sizeof chunk)) > 0;)
    said.append(chunk, static_cast<std::size_t>(got));
  EXPECT_TRUE(has(said, "api: running")) << said;
  EXPECT_EQ("/", fs::read_symlink("/proc/" + std::to_string(box.keeper_pid("api")) + "/cwd"));
}

TEST(Start, AFirstRunThatDiesIsToldWithItsLastLinesAndGoesOnInBackoff) {
  Sandbox box;
  Outcome out = box.keeper({"-d", "-n", "job", "--start-secs", "5", "--backoff", "20s..20s", "sh", "-c",
                            "echo first words; echo last words >&2; exit 3"});
  EXPECT_EQ(1, out.code);
  EXPECT_EQ("", out.out);
  EXPECT_TRUE(has(out.err, "keeper: cannot start job: it ended with code 3 after ")) << out.err;
  EXPECT_TRUE(has(out.err, "  its last lines:\n  | first words\n  | last words\n")) << out.err;
  EXPECT_TRUE(has(out.err, "'ctl stop job' ends that")) << out.err;
  EXPECT_EQ("backoff", box.state("job"));
  EXPECT_EQ(0, box.ctl({"stop", "job"}).code);
  EXPECT_TRUE(box.ended("job"));
}

TEST(Start, ThatEndsWellBeforeItIsConfirmedIsNoneForWhoWaits) {
  Sandbox box;
  Outcome out = box.keeper({"-d", "-n", "job", "--restart", "never", "true"});
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(has(out.err, "cannot start job: it ended with code 0")) << out.err;
}

TEST(Start, TheLastLinesOfAFailedStartAreOfThisStartOnly) {
  Sandbox box;
  Words words = {"-d", "-n", "job", "--start-secs", "5", "--restart", "never", "sh", "-c"};
  Words first = words, second = words;
  first.push_back("echo of the first; exit 3");
  second.push_back("echo of the second; exit 3");
  EXPECT_EQ(3, box.keeper(first).code);
  EVENTUALLY(box.ended("job"));
  Outcome out = box.keeper(second);
  EXPECT_TRUE(has(out.err, "| of the second")) << out.err;
  EXPECT_FALSE(has(out.err, "| of the first")) << out.err;
}

TEST(Start, CtrlCWhileItWaitsLeavesTheProgramRunningAndSaysSo) {
  Sandbox box;
  Start how{{program("keeper"), "-d", "-n", "slow", "--start-secs", "100", "sleep", "1000"}, true};
  Background waiting = box.start(how);
  EVENTUALLY(box.pid("slow") > 0);
  int pid = box.pid("slow");
  waiting.type("\x03");
  EXPECT_EQ(130, waiting.wait());
  EXPECT_TRUE(has(waiting.out(), "slow goes on starting in the background; 'ctl stop slow' ends it"))
      << waiting.out();
  EXPECT_EQ(pid, box.pid("slow"));
  EXPECT_TRUE(alive(pid));
}

// --- what cannot be run
// -------------------------------------------------------------------------------------------------

struct Bad {
  const char* name;
  Words words;
  int code;
  const char* said;
};
void PrintTo(const Bad& one, std::ostream* out) {
  *out << one.name;
}

/// It is where relative paths begin, and where the program would run.
TEST(Start, InADirectoryThatWasRemovedIsRefused) {
  Sandbox box;
  const fs::path gone = box.work() / "gone";
  const auto run = [&](const char* command) {
    fs::create_directory(gone);
    return box.run({{"sh", "-c", "cd gone && rmdir ../gone && " + string(command), "sh", program("keeper"),
                     program("ctl")}});
  };
  Outcome out = run("\"$1\" -d -n app sleep 1000");
  EXPECT_EQ(1, out.code);
  EXPECT_EQ("keeper: cannot start: the current directory: it was removed; 'cd' into another one first\n",
            out.err);
  out = run("mkdir ../gone && \"$1\" -d -n app sleep 1000");
  EXPECT_TRUE(has(out.err, "'cd " + gone.string() + "' enters the one that has its name now")) << out.err;
  fs::remove(gone);
  expect_nothing(box);
  box.detach("app", {"sleep", "1000"});
  out = run("\"$2\" restart app --env-file x");
  EXPECT_EQ(2, out.code);
  EXPECT_TRUE(has(out.err, "--env-file: the current directory: it was removed")) << out.err;
}

/// What cannot be read is not taken for something else.
TEST(Start, AProgramThatCannotBeReadIsRefused) {
  if (getuid() == 0) GTEST_SKIP() << "root reads everything";
  Sandbox box;
  write_text(box.work() / "x.js", "", 0000);
  chmod((box.work() / "x.js").c_str(), 0);
  Outcome out = box.keeper({"-n", "app", "x.js"});
  EXPECT_EQ(126, out.code);
  EXPECT_TRUE(has(out.err, "x.js: Permission denied")) << out.err;
}

class CannotBeRun : public testing::TestWithParam<Bad> {};

TEST_P(CannotBeRun, AndLeavesNothingBehind) {
  Sandbox box;
  write_text(box.work() / "plain", "just text\n");
  write_text(box.work() / "lost", "#!/no/such/interpreter\n", 0700);
  write_text(box.work() / "garbage",
             "\x7f"
             "ELF and nothing that follows",
             0700);
  fs::create_directory(box.work() / "folder");
  for (const char* detached : {"-d", "--restart=always"}) {
    Words words = {detached};
    words.insert(words.end(), GetParam().words.begin(), GetParam().words.end());
    Outcome out = box.keeper(words);
    EXPECT_EQ(GetParam().code, out.code) << out.all();
    EXPECT_TRUE(has(out.err, GetParam().said)) << out.err;
    expect_nothing(box);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Programs, CannotBeRun,
    testing::Values(
        Bad{"NotFoundByName", {"no-such-program"}, 127, "cannot run no-such-program: no such file"},
        Bad{"NotFoundByPath", {"./missing"}, 127, "cannot run ./missing"},
        Bad{"NoExecutableAndNoExtension", {"./plain"}, 126, "neither an executable"},
        Bad{"InterpreterMissing", {"./lost"}, 127, "'/no/such/interpreter'"},
        Bad{"GivenInterpreterMissing",
            {"--interpreter", "no-such", "./plain"},
            127,
            "'no-such' was not found"},
        Bad{"Directory", {"./folder"}, 126, "is a directory"},
        Bad{"ExecFormatError", {"./garbage"}, 126, "Exec format error"}),
    [](const auto& one) { return string(one.param.name); });

TEST(Start, AStoppedRecordWhoseNewProgramCannotRunIsKept) {
  Sandbox box;
  write_text(box.work() / "garbage",
             "\x7f"
             "ELF and nothing that follows",
             0700);
  box.detach("api", {"sleep", "1000"});
  ASSERT_EQ(0, box.ctl({"stop", "api"}).code);
  string record = read_text(box.home() / "apps/api/spec.json");
  ASSERT_FALSE(record.empty());
  EXPECT_EQ(126, box.keeper({"-d", "-n", "api", "./garbage"}).code);
  EXPECT_EQ(record, read_text(box.home() / "apps/api/spec.json"));
  EXPECT_EQ("stopped", box.state("api"));
  EXPECT_EQ(0, box.ctl({"start", "api"}).code);
  EVENTUALLY(box.state("api") == "running");
}

// --- what is run
// --------------------------------------------------------------------------------------------------------

struct Runs {
  const char* name;
  Words words;
  const char* said;  ///< @ stands for the directory
};
void PrintTo(const Runs& one, std::ostream* out) {
  *out << one.name;
}

class ProgramIsRun : public testing::TestWithParam<Runs> {};

TEST_P(ProgramIsRun, ByWhatItIs) {
  Sandbox box;
  fs::path bin = box.root() / "bin";
  fs::create_directory(bin);
  for (const char* interpreter : {"node", "python3", "special"})
    write_text(bin / interpreter, string("#!/bin/sh\necho ") + interpreter + " \"$@\"\n", 0700);
  write_text(bin / "tool", "#!/bin/sh\necho tool of PATH\n", 0700);
  write_text(bin / "only", "#!/bin/sh\necho only \"$@\"\n", 0700);
  write_text(box.work() / "tool", "#!/bin/sh\necho tool of here\n", 0700);
  write_text(box.work() / "x.js", "no matter\n");
  write_text(box.work() / "x.py", "no matter\n");
  write_text(box.work() / "x.sh", "echo by sh \"$@\"\n");
  write_text(box.work() / "executable.js", "no matter\n", 0700);
  write_text(box.work() / "marked", "#!/bin/sh\necho by its own line\n");
  write_text(box.work() / "marked.js", "#!/bin/sh\necho by its own line\n", 0700);
  Start how{{program("keeper"), "--restart", "never"}};
  how.words.insert(how.words.end(), GetParam().words.begin(), GetParam().words.end());
  how.environment["PATH"] = bin.string() + ":/usr/bin:/bin";
  Outcome out = box.run(how);
  EXPECT_EQ(0, out.code) << out.err;
  string expected = GetParam().said;
  if (auto at = expected.find('@'); at != string::npos) expected.replace(at, 1, box.work().string());
  EXPECT_EQ(expected + "\n", out.out) << out.err;
}

INSTANTIATE_TEST_SUITE_P(
    Programs, ProgramIsRun,
    testing::Values(Runs{"JavaScriptByNode", {"./x.js"}, "node @/x.js"},
                    Runs{"PythonByPython", {"x.py", "-n", "foo"}, "python3 @/x.py -n foo"},
                    Runs{"ShellScriptThatIsNotExecutable", {"./x.sh", "1"}, "by sh 1"},
                    Runs{"ExecutableWithoutALineByItsExtension", {"./executable.js"}, "node @/executable.js"},
                    Runs{"FirstLineOfWhatIsNotExecutable", {"./marked"}, "by its own line"},
                    Runs{"FirstLineBeforeTheExtension", {"./marked.js"}, "by its own line"},
                    Runs{"Elf", {"/bin/echo", "by", "itself"}, "by itself"},
                    Runs{"FileOfHereBeforePath", {"tool"}, "tool of here"},
                    Runs{"NameInPath", {"only", "--port", "80"}, "only --port 80"},
                    Runs{"InterpreterThatIsGiven", {"--interpreter", "special", "x.js"}, "special @/x.js"},
                    Runs{"WordsAfterProgramAreItsOwn", {"only", "-d", "--help"}, "only -d --help"},
                    Runs{"TwoDashesEndTheOptions", {"--", "only", "-V"}, "only -V"}),
    [](const auto& one) { return string(one.param.name); });

// --- names
// --------------------------------------------------------------------------------------------------------------

TEST(Names, TheDefaultIsTheFileWithoutItsExtension) {
  Sandbox box;
  write_text(box.work() / "server.sh", "exec sleep 1000\n");
  EXPECT_EQ(0, box.keeper({"-d", "--start-secs", "0", "./server.sh"}).code);
  EXPECT_EQ("running", box.state("server"));
}

TEST(Names, StrangeCharactersAreMadeLegal) {
  Sandbox box;
  write_text(box.work() / "my prog!.sh", "exec sleep 1000\n");
  write_text(box.work() / "42.sh", "exec sleep 1000\n");
  EXPECT_EQ(0, box.keeper({"-d", "--start-secs", "0", "./my prog!.sh"}).code);
  EXPECT_EQ(0, box.keeper({"-d", "--start-secs", "0", "./42.sh"}).code);
  EXPECT_EQ("running", box.state("my-prog-"));
  EXPECT_EQ("running", box.state("app-42"));
  EXPECT_EQ(2, box.keeper({"-d", "-n", "my prog", "sleep", "1"}).code);
}

TEST(Names, FiveOfTheSameAtTheSameInstantGetFiveNames) {
  Sandbox box;
  std::vector<Background> all;
  for (int i = 0; i < 5; ++i)
    all.push_back(box.start({{program("keeper"), "-d", "--start-secs", "0", "sleep", "1000"}}));
  std::set<string> names;
  for (Background& one : all) {
    EXPECT_EQ(0, one.wait(Millis(30'000))) << one.err();
    names.insert(one.out().substr(0, one.out().find(':')));
  }
  EXPECT_EQ((std::set<string>{"sleep", "sleep-2", "sleep-3", "sleep-4", "sleep-5"}), names);
  for (const string& name : names)
    EXPECT_EQ("running", box.state(name));
}

TEST(Names, AStoppedRecordOfTheSameProgramIsUsedAgain) {
  Sandbox box;
  fs::create_directory(box.work() / "other");
  write_text(box.work() / "a.sh", "exec sleep 1000\n");
  write_text(box.work() / "other/a.sh", "exec sleep 1000\n");
  Words same = {"-d", "--start-secs", "0", "./a.sh"}, other = {"-d", "--start-secs", "0", "./other/a.sh"};
  EXPECT_TRUE(box.keeper(same).out.starts_with("a: "));
  EXPECT_EQ(0, box.ctl({"stop", "a"}).code);
  EXPECT_TRUE(box.keeper(same).out.starts_with("a: "));
  EXPECT_EQ(0, box.ctl({"stop", "a"}).code);
  EXPECT_TRUE(box.keeper(other).out.starts_with("a-2: "));
}

TEST(Names, BehindAnInterpreterTheDefaultIsTheScripts) {
  Sandbox box;
  const fs::path bin = box.root() / "bin";
  fs::create_directory(bin);
  for (const char* name : {"node", "python3.11", "npm"})
    write_text(bin / name, "#!/bin/sh\nexec sleep 1000\n", 0700);
  write_text(box.work() / "package.json", R"({"version": "1.0.0", "name": "@org/shop"})");
  const auto name_of = [&](Words words) {
    Start how{{program("keeper"), "-d", "--start-secs", "0"}};
    how.words.insert(how.words.end(), words.begin(), words.end());
    how.environment["PATH"] = bin.string() + ":/usr/bin:/bin";
    const string out = box.run(how).out;
    return out.substr(0, out.find(':'));
  };
  write_text(box.work() / "run.sh", "exec sleep 1000\n");
  EXPECT_EQ("web", name_of({"node", "--require", "x.js", "web.js", "80"}));
  EXPECT_EQ("node", name_of({"node", "-e", "0"}));
  EXPECT_EQ("jobs", name_of({"python3.11", "-uW", "ignore", "lib/jobs.py"}));
  EXPECT_EQ("python3", name_of({"python3.11", "-um", "http.server"}));
  EXPECT_EQ("run", name_of({"/bin/sh", "-eu", "run.sh"}));
  EXPECT_EQ("sh", name_of({"sh", "-ec", "exec sleep 1000"}));
  EXPECT_EQ("shop", name_of({"npm", "start"}));
  EXPECT_EQ("npm", name_of({"npm", "test"}));
}

TEST(Names, AStoppedRecordOfTheSameScriptIsUsedAgain) {
  Sandbox box;
  fs::create_directory(box.work() / "other");
  for (const char* name : {"a.sh", "other/a.sh"})
    write_text(box.work() / name, "exec sleep 1000\n");
  const auto name_of = [&](const char* script) {
    const string out = box.keeper({"-d", "--start-secs", "0", "sh", script}).out;
    return out.substr(0, out.find(':'));
  };
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ("a", name_of("a.sh"));
    EXPECT_EQ(0, box.ctl({"stop", "a"}).code);
  }
  EXPECT_EQ("a-2", name_of("other/a.sh"));
}

TEST(Names, AProgramIsTheSameByItsPathAndByItsNameInPath) {
  Sandbox box;
  const fs::path bin = box.root() / "bin", link = box.root() / "link";
  fs::create_directory(bin);
  fs::create_directory_symlink(bin, link);
  write_text(bin / "tool", "#!/bin/sh\nexec sleep 1000\n", 0700);
  for (const string& word : {(bin / "tool").string(), string("tool"), (link / "tool").string()}) {
    Start how{{program("keeper"), "-d", "--start-secs", "0", word}};
    how.environment["PATH"] = bin.string() + ":/usr/bin:/bin";
    const Outcome out = box.run(how);
    EXPECT_TRUE(out.out.starts_with("tool: ")) << word << ": " << out.all();
    EXPECT_EQ(0, box.ctl({"stop", "tool"}).code) << word;
  }
}

TEST(Names, OneThatIsKeptAlreadyIsAnErrorThatNamesThePids) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  int pid = box.pid("api");
  EVENTUALLY(has(read_text(box.home() / "apps/api/status.json"), std::to_string(pid)));
  Outcome out = box.keeper({"-d", "-n", "api", "sleep", "2000"});
  EXPECT_EQ(1, out.code);
  EXPECT_TRUE(has(out.err, "cannot start api: it is kept already")) << out.err;
  EXPECT_TRUE(has(out.err, std::to_string(box.keeper_pid("api")))) << out.err;
  EXPECT_TRUE(has(out.err, std::to_string(pid))) << out.err;
  EXPECT_EQ(pid, box.pid("api"));
  EXPECT_FALSE(has(read_text(box.home() / "apps/api/spec.json"), "2000"));
}

TEST(Names, OfTwoStartsAtTheSameInstantOneKeepsAndOneIsToldSo) {
  Sandbox box;
  constexpr int at_once = 6;
  for (int done = 0; done < repeats(30); done += at_once) {
    std::vector<std::pair<Background, Background>> pairs;
    for (int i = 0; i < at_once; ++i) {
      Start how{
          {program("keeper"), "-d", "-n", "n" + std::to_string(i), "--start-secs", "0", "sleep", "1000"}};
      Background one = box.start(how);
      pairs.emplace_back(std::move(one), box.start(how));
    }
    for (auto& [one, two] : pairs) {
      int first = one.wait(Millis(30'000)).value_or(-1), second = two.wait(Millis(30'000)).value_or(-1);
      EXPECT_EQ(1, first + second) << first << " and " << second << "\n" << one.err() << two.err();
      const string said = first == 0 ? two.err() : one.err();
      EXPECT_TRUE(has(said, "it is kept already")) << said;
    }
    int kept = 0;
    for (int pid : box.processes())
      kept += has(describe(pid), "(keeper: n") ? 1 : 0;
    EXPECT_EQ(at_once, kept);
    EXPECT_EQ(0, box.ctl({"stop", "all"}).code);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Names, AStoppedOneIsReplacedAndTheDifferenceSaid) {
  Sandbox box;
  box.detach("api", {"--stop-timeout", "3s", "sleep", "1000"});
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  Outcome out = box.keeper({"-d", "-n", "api", "--start-secs", "0.1", "--kill-timeout", "500ms",
                            "--stop-timeout", "5s", "sleep", "1000"});
  EXPECT_EQ(0, out.code) << out.err;
  EXPECT_EQ("keeper: api: stop_timeout: 3s -> 5s\n", out.err);
  auto spec = box.open_home().read_spec("api");
  ASSERT_TRUE(spec);
  EXPECT_EQ(Millis(5'000), spec->stop_timeout);
}

TEST(Start, AStopIsFollowedByAStartOfTheSameNameEveryTime) {
  Sandbox box;
  box.detach("x", {"sleep", "1000"});
  for (int i = 0; i < repeats(sanitized() ? 10 : 30); ++i) {
    string line = program("ctl") + " stop x >/dev/null && " + program("keeper") +
                  " -d -n x --start-secs 0 sleep 1000 2>/dev/null";
    Outcome out = box.run({{"sh", "-c", line}});
    ASSERT_EQ(0, out.code) << "turn " << i << "\n" << out.all();
  }
  EXPECT_EQ("running", box.state("x"));
}

TEST(Start, AListInALoopDisturbsNoStart) {
  Sandbox box;
  std::vector<Background> starts;
  for (int i = 0; i < 60; ++i)
    starts.push_back(box.start(
        {{program("keeper"), "-d", "-n", "n" + std::to_string(i), "--start-secs", "0", "sleep", "1000"}}));
  int lists = 0;
  while (std::any_of(starts.begin(), starts.end(), [](Background& one) { return one.running(); })) {
    EXPECT_EQ(0, box.ctl({"list", "--timeout", "20s"}).code);
    ASSERT_LT(++lists, 10'000);
  }
  for (Background& one : starts)
    EXPECT_EQ(0, one.wait()) << one.err();
  EXPECT_GT(lists, 0);
  EXPECT_EQ(60, count_of(box.ctl({"list"}).out, " running "));
}

TEST(Start, InstancesAreKeptOneByOneAndKnowTheirNumber) {
  Sandbox box;
  box.detach("web", {"-i", "3", child("says"), "wait"});
  for (int i = 0; i < 3; ++i) {
    string stem = file_stem("web", i), number = std::to_string(i);
    EXPECT_EQ("running", box.state(stem));
    EVENTUALLY(box.logged(stem, "env NODE_APP_INSTANCE=" + number + "\n"));
    EXPECT_TRUE(box.logged(stem, "env KEEPER_INSTANCE=" + number + "\n"));
    EXPECT_TRUE(box.logged(stem, "env KEEPER_NAME=web\n"));
    EXPECT_EQ(i, box.status(stem)->instance);
  }
  EXPECT_EQ(1, box.keeper({"-d", "-n", "web", "-i", "2", "sleep", "1"}).code);
  EXPECT_EQ(0, box.ctl({"stop", "web"}).code);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ("stopped", box.state(file_stem("web", i)));
}

TEST(Start, SeveralInstancesNeedTheBackground) {
  Sandbox box;
  Outcome out = box.keeper({"-i", "2", "sleep", "1000"});
  EXPECT_EQ(2, out.code);
  EXPECT_TRUE(has(out.err, "needs -d")) << out.err;
}

}  // namespace
}  // namespace keeper
