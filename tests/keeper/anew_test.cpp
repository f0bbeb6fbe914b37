// Each run reads what it is made of anew: files of variables, the program's first line, PATH, the user.
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/keeper/support/follower.hpp"
#include "tests/keeper/support/said.hpp"

namespace keeper {
namespace {

namespace fs = std::filesystem;
using std::string;

/// Ends the current run in one of the ways in which another one follows.
struct NextRun {
  const char* name;
  void (*go)(Sandbox&);
};
const NextRun kNextRuns[] = {
    {"restart",
     [](Sandbox& box) {
       EXPECT_EQ(0, box.ctl({"restart", "app"}).code);
     }},
    {"reload",
     [](Sandbox& box) {
       EXPECT_EQ(0, box.ctl({"reload", "app"}).code);
     }},
    {"crash", [](Sandbox& box) { kill(box.pid("app"), SIGKILL); }},
    {"restart --env-file", [](Sandbox& box) {
       Outcome out = box.ctl({"restart", "app", "--env-file", (box.work() / "env").string()});
       EXPECT_EQ(0, out.code) << out.all();
     }}};

TEST(Anew, AFileOfVariablesIsReadByEachRun) {
  Sandbox box;
  write_text(box.work() / "env", "V=first\n");
  box.detach("app", {"--env-file", "env", "sh", "-c", "echo \"V is $V\"; exec sleep 1000"});
  EVENTUALLY(box.logged("app", "V is first\n"));
  for (const NextRun& way : kNextRuns) {
    const int before = box.pid("app");
    write_text(box.work() / "env", string("V='") + way.name + "'\n");
    way.go(box);
    EVENTUALLY(box.runs_another("app", before));
    EVENTUALLY(box.logged("app", string("V is ") + way.name + "\n"));
  }
}

TEST(Anew, AFileOfVariablesThatIsGoneIsAFailedStartThatIsTriedAgain) {
  Sandbox box;
  const fs::path file = box.work() / "env";
  write_text(file, "V=1\n");
  box.detach("app",
             {"--env-file", "env", "--backoff", "50ms..50ms", "sh", "-c", "echo V=$V; exec sleep 1000"});
  fs::rename(file, box.work() / "away");
  kill(box.pid("app"), SIGKILL);
  EVENTUALLY(has(box.status("app")->spawn_error.value_or(""), file.string()));
  EXPECT_EQ("backoff", box.state("app"));
  write_text(file, "V=2\n");
  EVENTUALLY(box.logged("app", "V=2\n"));
}

/// What a run of `app` (work/place/tool, by work/place/runner, with work/env) cannot be started without.
struct Missing {
  const char* name;
  void (*take_away)(const fs::path& work);
  const char* says;  ///< @ stands for the directory
};
void PrintTo(const Missing& one, std::ostream* out) {
  *out << one.name;
}

class CannotBeStartedAgain : public testing::TestWithParam<Missing> {};

TEST_P(CannotBeStartedAgain, SoTheRunThatWorksIsNotEnded) {
  Sandbox box;
  const fs::path place = box.work() / "place";
  fs::create_directory(place);
  fs::create_directory(box.work() / "bin");
  write_text(box.work() / "env", "V=1\n");
  if (has(box.work().string(), " ")) GTEST_SKIP() << "a \"#!\" line cannot name a path with a space";
  write_text(box.work() / "bin/tool", "#!" + (box.work() / "runner").string() + "\nexec sleep 1000\n", 0700);
  fs::create_symlink("/bin/sh", box.work() / "runner");
  box.detach("app", {"--cwd", place.string(), "--env-file", "env", (box.work() / "bin/tool").string()});
  const int pid = box.pid("app");
  GetParam().take_away(box.work());
  string says = GetParam().says;
  says.replace(says.find('@'), 1, box.work().string());
  const Outcome restart = box.ctl({"restart", "app"});
  EXPECT_EQ(1, restart.code) << restart.all();
  EXPECT_TRUE(restart.err.starts_with("ctl: cannot restart app: " + says)) << restart.err;
  EXPECT_TRUE(restart.err.ends_with("; pid " + std::to_string(pid) + " runs on\n")) << restart.err;
  const Outcome changed = box.ctl({"restart", "app", "-e", "A=1"});
  EXPECT_EQ(1, changed.code) << changed.all();
  EXPECT_TRUE(has(changed.err, says)) << changed.all();
  EXPECT_EQ(1, box.ctl({"reload", "app"}).code);
  EXPECT_EQ(pid, box.pid("app"));
  EXPECT_EQ("running", box.state("app"));
  EXPECT_TRUE(box.open_home().read_spec("app")->env.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Each, CannotBeStartedAgain,
    testing::Values(Missing{"NoEnvFile", [](const fs::path& work) { fs::remove(work / "env"); },
                            "cannot read @/env: No such file or directory"},
                    Missing{"BrokenEnvFile", [](const fs::path& work) { write_text(work / "env", "V\n"); },
                            "cannot read @/env: line 1: not KEY=VALUE"},
                    Missing{"NoDirectory", [](const fs::path& work) { fs::remove(work / "place"); },
                            "cannot enter @/place: No such file or directory"},
                    Missing{"NoProgram", [](const fs::path& work) { fs::remove(work / "bin/tool"); },
                            "cannot run @/bin/tool: "},
                    Missing{"NoInterpreter", [](const fs::path& work) { fs::remove(work / "runner"); },
                            "cannot run @/bin/tool: its interpreter"}),
    [](const auto& one) { return string(one.param.name); });

TEST(Anew, AFirstLineIsReadByEachRun) {
  Sandbox box;
  const fs::path script = box.work() / "tool";
  for (int mode : {0600, 0700}) {
    const string name = mode == 0600 ? "data" : "executable";
    write_text(script, "#!/bin/sh\necho 'run by sh'; exec sleep 1000\n", mode);
    chmod(script.c_str(), static_cast<mode_t>(mode));
    box.detach(name, {"./tool"});
    EVENTUALLY(box.logged(name, "run by sh\n"));
    write_text(script,
               "#!/usr/bin/env python3\nimport time\nprint('run by python', flush=True)\ntime.sleep(1000)\n");
    EXPECT_EQ(0, box.ctl({"restart", name}).code);
    EVENTUALLY(box.logged(name, "run by python\n"));
  }
}

/// As a program that was a shell's and is node's from the next run on.
TEST(Anew, WhetherNodeRunsItIsSeenByEachRun) {
  Sandbox box;
  const fs::path script = box.work() / "tool";
  write_text(script, "#!/bin/sh\necho shell; exec sleep 1000\n", 0700);
  box.detach("app", {"./tool"});
  EVENTUALLY(box.logged("app", "shell\n"));
  Outcome none = box.ctl({"send", "app", "1"});
  EXPECT_TRUE(has(none.err, "only a program that node runs has one")) << none.all();
  write_text(
      script,
      "#!/usr/bin/env node\nconsole.log('connected', process.connected); setInterval(() => {}, 1000)\n");
  kill(box.pid("app"), SIGKILL);
  EVENTUALLY(box.logged("app", "connected true\n"));
}

TEST(Anew, PathIsLookedThroughByEachRun) {
  Sandbox box;
  for (const char* place : {"one", "two"})
    fs::create_directory(box.work() / place);
  const auto tool = [&](const char* place, const char* name) {
    write_text(box.work() / place / name, string("#!/bin/sh\necho ") + place + "; exec sleep 1000\n", 0700);
  };
  tool("two", "tool");
  tool("two", "ruby");
  write_text(box.work() / "x.rb", "");
  const string path =
      "PATH=" + (box.work() / "one").string() + ":" + (box.work() / "two").string() + ":/usr/bin:/bin";
  for (const char* name : {"tool", "x.rb"}) {
    const string app = name == string("tool") ? "by-name" : "interpreter";
    box.detach(app, {"-e", path, name});
    EVENTUALLY(box.logged(app, "two\n"));
    tool("one", app == "by-name" ? "tool" : "ruby");
    kill(box.pid(app), SIGKILL);
    EVENTUALLY(box.logged(app, "one\n"));
  }
  EXPECT_TRUE(box.status("by-name")->command.front().ends_with("/one/tool"));
  EXPECT_FALSE(has(box.ctl({"doctor"}).out, "not there any more"));
  fs::remove(box.work() / "one/tool");
  EXPECT_FALSE(has(box.ctl({"doctor"}).out, "by-name")) << "the other one is found";
  fs::remove(box.work() / "two/tool");
  const string found = box.ctl({"doctor"}).out;
  EXPECT_TRUE(has(found, "by-name: its program tool is not there any more")) << found;
  EXPECT_FALSE(has(found, "its interpreter")) << found;
}

/// Files of users of a test's own, for what it starts.
struct OwnUsers {
  explicit OwnUsers(Sandbox& box) : passwd(box.root() / "passwd"), group(box.root() / "group") {
    write_text(passwd, read_text("/etc/passwd"), 0644);
    write_text(group, read_text("/etc/group"), 0644);
  }
  void set(const string& user, const string& groups) {
    const string root = "root:x:0:0:root:/root:/bin/sh\n";
    write_text(passwd, root + user, 0644);
    write_text(group, "root:x:0:\n" + groups, 0644);
  }
  /// For Start::before.
  void use() const {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount(passwd.c_str(), "/etc/passwd", nullptr, MS_BIND, nullptr) != 0 ||
        mount(group.c_str(), "/etc/group", nullptr, MS_BIND, nullptr) != 0)
      _exit(kNoMounts);
  }
  fs::path passwd, group;
};

TEST(Anew, UserAndGroupsAreLookedUpByEachRun) {
  if (getuid() != 0) GTEST_SKIP() << "needs root";
  Sandbox box;
  OwnUsers users(box);
  for (const fs::path& path : {box.root(), box.work()})
    ASSERT_EQ(0, chmod(path.c_str(), 0755));
  users.set("web:x:5001:5000::/first:/bin/sh\n", "staff:x:5000:\n");
  Start how{{program("keeper"), "-d", "-n", "app", "--user", "web", "--start-secs", "0", "--backoff",
             "50ms..50ms", "sh", "-c", "echo $(id -u) $(id -G) $HOME; exec sleep 1000"}};
  how.before = [&] { users.use(); };
  Outcome out = box.run(how);
  if (out.code == kNoMounts) GTEST_SKIP() << "no mounts here";
  ASSERT_EQ(0, out.code) << out.all();
  EVENTUALLY(box.logged("app", "5001 5000 /first\n"));
  users.set("web:x:5001:5000::/second:/bin/sh\n", "staff:x:5000:\nlogs:x:6000:web\n");
  EXPECT_EQ(0, box.ctl({"restart", "app"}).code);
  EVENTUALLY(box.logged("app", "5001 5000 6000 /second\n"));
  users.set("web:x:5002:5000::/second:/bin/sh\n", "staff:x:5000:\n");
  kill(box.pid("app"), SIGKILL);
  EVENTUALLY(box.logged("app", "5002 5000 /second\n"));
  EVENTUALLY(box.open_home().read_spec("app")->run_as.starts_with("web:5002:"));
  users.set("", "");
  const int pid = box.pid("app");
  const string gone = "cannot run as web: there is no such user or group any more";
  EXPECT_TRUE(has(box.ctl({"restart", "app"}).err, gone)) << "the run that works is not ended";
  EXPECT_EQ(pid, box.pid("app"));
  kill(pid, SIGKILL);
  EVENTUALLY(box.status("app")->spawn_error == gone);
}

TEST(Anew, AnEditedUserIsTheOneOfTheNextRun) {
  if (getuid() != 0) GTEST_SKIP() << "needs root";
  Sandbox box;
  for (const fs::path& path : {box.root(), box.work()})
    ASSERT_EQ(0, chmod(path.c_str(), 0755));
  box.detach("app", {"sh", "-c", "echo uid $(id -u); exec sleep 1000"});
  EVENTUALLY(box.logged("app", "uid 0\n"));
  const auto edit = [&](const string& user) {
    Spec spec = *box.open_home().read_spec("app");
    spec.user = user;
    EXPECT_TRUE(box.open_home().write_spec("app", spec));
  };
  edit("no-such-user");
  const int pid = box.pid("app");
  Outcome refused = box.ctl({"restart", "app"});
  EXPECT_EQ(1, refused.code);
  EXPECT_TRUE(has(refused.err, "cannot run app as no-such-user: it is not in /etc/passwd")) << refused.err;
  EXPECT_EQ(pid, box.pid("app"));
  edit("nobody");
  EXPECT_EQ(0, box.ctl({"restart", "app"}).code);
  EVENTUALLY(box.logged("app", "uid 65534\n"));
  EXPECT_EQ(0, box.ctl({"stop", "app"}).code);
  edit("root");
  EXPECT_EQ(0, box.ctl({"start", "app"}).code);
  EVENTUALLY(count_of(box.log("app"), "uid 0\n") == 2);
}

TEST(Anew, WhatIsShownIsTheSpecInUseAndWhereTheFileDiffers) {
  Sandbox box;
  box.detach("app", {"--stop-timeout", "9s", "sleep", "1000"});
  EXPECT_FALSE(has(box.ctl({"show", "app"}).out, "spec.json differs"));
  Spec spec = *box.open_home().read_spec("app");
  spec.stop_timeout = Millis(7000);
  EXPECT_TRUE(box.open_home().write_spec("app", spec));
  const string shown = box.ctl({"show", "app"}).out;
  EXPECT_TRUE(has(shown, " 9s\n")) << shown;
  EXPECT_TRUE(has(shown,
                  "spec.json differs; 'ctl restart app' or 'ctl reload app' takes it:\n"
                  "  stop_timeout: 9s -> 7s\n"))
      << shown;
  EXPECT_TRUE(has(box.ctl({"show", "app", "--json"}).out, "\"spec_edited\":[\"stop_timeout: 9s -> 7s\"]"));
  EXPECT_EQ(0, box.ctl({"restart", "app"}).code);
  EXPECT_FALSE(has(box.ctl({"show", "app"}).out, "spec.json differs"));
  EXPECT_TRUE(has(box.ctl({"show", "app"}).out, " 7s\n"));
}

TEST(Anew, AChangedProgramIsWatchedWhereItIsNow) {
  Sandbox box;
  for (const char* place : {"one", "two"})
    fs::create_directory(box.work() / place);
  const auto tool = [&](const char* place, const char* says) {
    write_text(box.work() / place / "tool", string("#!/bin/sh\necho ") + says + "; exec sleep 1000\n", 0700);
  };
  tool("two", "first");
  box.detach("app", {"--restart-on-change", "-e",
                     "PATH=" + (box.work() / "one").string() + ":" + (box.work() / "two").string() +
                         ":/usr/bin:/bin",
                     "tool"});
  tool("one", "second");
  kill(box.pid("app"), SIGKILL);
  EVENTUALLY(box.logged("app", "second\n"));
  tool("one", "third");
  EVENTUALLY(box.logged("app", "third\n"));
}

}  // namespace
}  // namespace keeper
