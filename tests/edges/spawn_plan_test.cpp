// What a program name comes to, and the environment it is given.
#include "keeper/child/spawn_plan.hpp"

#include <sys/resource.h>

#include "tests/edges/support/place.hpp"
#include "tests/support/nobody.hpp"

namespace keeper {
namespace {

using std::string;
using Words = std::vector<string>;

// --- resolve
// ------------------------------------------------------------------------------------------------------------

/// A directory with one file of each kind, and a PATH of two directories in it.
class Files {
 public:
  Files() {
    namespace fs = std::filesystem;
    fs::create_directory(place / "bin");
    fs::create_directory(place / "more");
    fs::create_directory(place / "folder");
    for (const char* name : {"node", "python3", "sh", "special"})
      write_text(place / (string("bin/") + name), "#!/bin/sh\n", 0700);
    write_text(place / "bin/tool", "#!/bin/sh\n", 0700);
    write_text(place / "more/tool", "#!/bin/sh\n", 0700);
    write_text(place / "more/second", "#!/bin/sh\n", 0700);
    write_text(place / "bin/second", "not executable\n");
    write_text(place / "x.js", "x\n");
    write_text(place / "x.py", "x\n");
    write_text(place / "x.rb", "x\n");
    write_text(place / "x.sh", "x\n");
    write_text(place / ".js", "x\n");
    write_text(place / "run.js", "x\n", 0700);
    write_text(place / "marked", "#! /usr/bin/env  -S sh -e \r\n");
    write_text(place / "script", "#!/bin/sh", 0700);
    write_text(place / "lost", "#!/no/such -x\n", 0700);
    write_text(place / "plain", "x\n", 0700);
    write_text(place / "elf",
               "\x7f"
               "ELF",
               0700);
    write_text(place / "elf-data",
               "\x7f"
               "ELF");
    fs::create_symlink("x.js", place / "link.js");
    mkfifo((place / "fifo").c_str(), 0600);
  }

  /// The command with the directory left out, or "CODE: why".
  Words resolved(const string& program, const string& interpreter = "", const Words& interpreter_args = {},
                 const string& path = "bin:more") const {
    const Places places{place.path().string(), path};
    const auto at = locate(program, places);
    if (auto* no = std::get_if<CannotRun>(&at)) return {std::to_string(no->exit_code), no->error.text()};
    auto result = resolve(std::get<Located>(at).path, places, interpreter, interpreter_args);
    if (auto* no = std::get_if<CannotRun>(&result)) return {std::to_string(no->exit_code), no->error.text()};
    Words out = std::get<Resolved>(result).command;
    for (string& word : out)
      if (word.starts_with(place.path().string() + "/")) word = word.substr(place.path().string().size() + 1);
    return out;
  }
  string path_of(const string& name) const { return (place / name).string(); }
  /// What a file in the directory is run by, and what else that depends on.
  RunBy by(const string& name, FilesRead* read = nullptr) const {
    auto result = resolve(path_of(name), {place.path().string(), path_of("bin")}, "", {}, read);
    EXPECT_TRUE(std::holds_alternative<Resolved>(result)) << name;
    return std::get<Resolved>(result).by;
  }
  /// The exit code where it cannot be run; the reason has to name `part`.
  int refused(const string& program, const string& part, const string& interpreter = "") const {
    Words words = resolved(program, interpreter);
    EXPECT_EQ(2u, words.size()) << testing::PrintToString(words);
    EXPECT_TRUE(words.back().find(part) != string::npos) << words.back();
    return std::atoi(words.front().c_str());
  }

  Place place;
};

TEST(Resolve, GoesByTheExtensionOfAFileWithoutALine) {
  Files files;
  EXPECT_EQ((Words{"bin/node", "x.js"}), files.resolved("./x.js"));
  EXPECT_EQ((Words{"bin/node", "x.js"}), files.resolved("x.js"));
  EXPECT_EQ((Words{"bin/python3", "x.py"}), files.resolved("././x.py"));
  EXPECT_EQ((Words{"bin/sh", "x.sh"}), files.resolved((files.place / "x.sh").string()));
  EXPECT_EQ((Words{"bin/node", "run.js"}), files.resolved("run.js"));
  EXPECT_EQ((Words{"bin/node", "link.js"}), files.resolved("link.js"));
  EXPECT_EQ((Words{"bin/node", "--flag", "x.js"}), files.resolved("x.js", "", {"--flag"}));
}

TEST(Resolve, GoesByTheFirstLineOfAFileThatIsNotExecutable) {
  Files files;
  EXPECT_EQ((Words{"bin/sh", "-e", "marked"}), files.resolved("./marked"));
}

/// What only root may read or execute, in a directory that everybody may enter.
TEST(Resolve, TellsWhatTheInterpreterIsGivenBeforeTheProgram) {
  Files files;
  write_text(files.place / "by-env", "#!/usr/bin/env -S node --permission --title=x\n", 0700);
  write_text(files.place / "by-path", "#!/bin/sh -e\n", 0700);
  const auto words = [&](const string& name, const string& interpreter = "", const Words& args = {}) {
    auto found =
        resolve(files.path_of(name), {files.place.path().string(), files.path_of("bin")}, interpreter, args);
    return std::get<Resolved>(found).interpreter_words;
  };
  EXPECT_EQ((Words{"--permission", "--title=x"}), words("by-env"));
  EXPECT_EQ((Words{"--permission", "--title=x", "-a"}), words("by-env", "", {"-a"}));
  EXPECT_EQ(Words{"-e"}, words("by-path"));
  EXPECT_EQ(Words{"-a"}, words("x.js", "", {"-a"}));
  EXPECT_EQ(Words{"-a"}, words("x.js", "node", {"-a"}));
  EXPECT_EQ(Words{}, words("elf"));
}

TEST(Resolve, SeesWhatItsUserMaySeeAndNothingElse) {
  NEEDS_ROOT();
  Files files;
  for (const char* directory : {"", "bin", "more"})
    chmod(files.path_of(directory).c_str(), 0755);
  NEEDS_REACH(files.path_of("bin"));
  write_text(files.place / "roots.js", "#!/secret\n", 0700);
  chmod(files.path_of("more/tool").c_str(), 0755);
  const ActingUser user = acting_user("nobody:65534:65534:65534:/:/bin/sh");
  const Places places{files.place.path().string(), files.path_of("bin") + ":" + files.path_of("more"), &user};
  EXPECT_EQ(files.path_of("more/tool"), in_path("tool", places)) << "the first one is root's alone";
  const string roots = files.path_of("roots.js");
  FilesRead read;
  const auto no = resolve(roots, places, "", {}, &read);
  ASSERT_TRUE(std::holds_alternative<CannotRun>(no));
  const CannotRun& why = std::get<CannotRun>(no);
  EXPECT_EQ(126, why.exit_code);
  EXPECT_EQ("cannot run " + roots + ": " + roots + " as nobody: Permission denied", why.error.text());
  EXPECT_EQ((Words{roots, "-x"}), inspected({roots, "-x"}, 9229, places));
}

TEST(Resolve, LooksAtTheFilesOfAPlanAgainWithTheSameRights) {
  NEEDS_ROOT();
  Files files;
  chmod(files.path_of("").c_str(), 0755);
  const string inside = files.path_of("folder/file");
  write_text(inside, "x");
  chmod(files.path_of("folder").c_str(), 0700);
  const ActingUser user = acting_user("nobody:65534:65534:65534:/:/bin/sh");
  FilesRead read;
  read.add(inside, &user);
  EXPECT_FALSE(read.changed());
  write_text(inside, "another");
  EXPECT_FALSE(read.changed()) << "that user cannot see it";
  chmod(files.path_of("folder").c_str(), 0755);
  EXPECT_TRUE(read.changed());
}

TEST(Resolve, PassesArgumentsToTheInterpreterThatTheFirstLineNames) {
  Files files;
  write_text(files.place / "by-env", "#!/usr/bin/env node\n", 0700);
  write_text(files.place / "split", "#!/usr/bin/env -S node -a\n", 0700);
  write_text(files.place / "odd", "#!/usr/bin/env -S A='b c' node\n", 0700);
  EXPECT_EQ((Words{"bin/node", "--x", "by-env"}), files.resolved("by-env", "", {"--x"}));
  EXPECT_EQ((Words{"bin/node", "-a", "--x", "split"}), files.resolved("split", "", {"--x"}));
  EXPECT_EQ((Words{"/usr/bin/env", "-S A='b c' node", "--x", "odd"}), files.resolved("odd", "", {"--x"}));
  EXPECT_EQ((Words{"/bin/sh", "-x", "script"}), files.resolved("script", "", {"-x"}));
  EXPECT_EQ((Words{"bin/sh", "-e", "-x", "marked"}), files.resolved("marked", "", {"-x"}));
  EXPECT_EQ("2", files.resolved("elf", "", {"-x"}).front()) << "there is nothing to pass them to";
}

TEST(Resolve, TellsWhatRunsIt) {
  Files files;
  const std::vector<std::pair<string, RunBy>> lines = {{"#!/usr/bin/env node\n", RunBy::node},
                                                       {"#!/usr/bin/env -S node --flag\n", RunBy::node},
                                                       {"#!/usr/bin/env python3\n", RunBy::python},
                                                       {"#!/bin/sh\n", RunBy::other},
                                                       {"#!/usr/bin/env -S A=1 node\n", RunBy::other}};
  for (const auto& [line, by] : lines) {
    write_text(files.place / "tells", line, 0700);
    EXPECT_EQ(by, files.by("tells")) << line;
    write_text(files.place / "data", line);
    EXPECT_EQ(by, files.by("data")) << line;
  }
  EXPECT_EQ(RunBy::node, files.by("x.js"));
  EXPECT_EQ(RunBy::python, files.by("x.py"));
  EXPECT_EQ(RunBy::python, files.by("bin/python3"));
  EXPECT_EQ(RunBy::other, files.by("elf"));
}

TEST(Resolve, NamesACarriageReturnThatTheKernelWouldStumbleOver) {
  Files files;
  write_text(files.place / "dos", "#!/usr/bin/env node\r\nx\n", 0700);
  EXPECT_EQ(126, files.refused("./dos", "its first line ends with a carriage return"));
  EXPECT_EQ((Words{"bin/node", "--x", "dos"}), files.resolved("dos", "", {"--x"})) << "it is followed here";
  write_text(files.place / "dos.js", "#!/usr/bin/env node\r\nx\n");
  EXPECT_EQ((Words{"bin/node", "dos.js"}), files.resolved("dos.js")) << "node does not mind";
}

// --- files read

TEST(FilesRead, SeeWhatHasChangedSince) {
  Place place;
  const string content = (place / "content").string(), mode = (place / "mode").string();
  const string link = (place / "link").string(), missing = (place / "missing").string();
  for (const string& path : {content, mode})
    write_text(path, "one");
  std::filesystem::create_symlink(content, link);
  const auto read = [](const string& path) {
    FilesRead out;
    out.add(path);
    return out;
  };
  EXPECT_TRUE(read(content).changed()) << "what is written in this moment may get the same time";
  ASSERT_TRUE(eventually([&] { return !read(content).changed() && !read(mode).changed(); }));
  const FilesRead before[] = {read(content), read(mode), read(link), read(missing)};
  for (const FilesRead& one : before)
    EXPECT_FALSE(one.changed());
  write_text(content, "two");
  EXPECT_EQ(0, chmod(mode.c_str(), 0640));
  std::filesystem::remove(link);
  std::filesystem::create_symlink(mode, link);
  write_text(missing, "found");
  for (const FilesRead& one : before)
    EXPECT_TRUE(one.changed());
}

// --- inspect
// ------------------------------------------------------------------------------------------------------------

TEST(Inspected, IsNodeHoweverItIsRun) {
  Files files;
  const Places places{"", files.path_of("bin")};
  const string node = files.path_of("bin/node"), by_env = files.path_of("by-env");
  if (node.find(' ') != string::npos) GTEST_SKIP() << "a \"#!\" line cannot name a path with a space";
  write_text(by_env, "#!/usr/bin/env -S node -a\n", 0700);
  write_text(files.place / "by-path", "#!" + node + "\n", 0700);
  const string by_path = files.path_of("by-path");
  EXPECT_EQ((Words{"/usr/bin/node", "--inspect=9229", "x.js", "-a"}),
            inspected({"/usr/bin/node", "x.js", "-a"}, 9229, places));
  EXPECT_EQ((Words{"/usr/bin/nodejs", "--inspect=1"}), inspected({"/usr/bin/nodejs"}, 1, places));
  EXPECT_EQ((Words{node, "--inspect=9229", "-a", by_env, "-b"}), inspected({by_env, "-b"}, 9229, places));
  EXPECT_EQ((Words{node, "--inspect=9229", by_path}), inspected({by_path}, 9229, places));
}

// --- environment
// --------------------------------------------------------------------------------------------------------

TEST(PassedOn, LeavesOutWhatSpeaksOfAnotherManager) {
  for (const char* variable :
       {"NOTIFY_SOCKET=/run/x", "WATCHDOG_USEC=1", "WATCHDOG_PID=1", "LISTEN_FDS=1", "LISTEN_PID=1",
        "NODE_CHANNEL_FD=3", "NODE_UNIQUE_ID=1", "KEEPER_NAME=x", "KEEPER_ROLE=x"})
    EXPECT_FALSE(passed_on(variable)) << variable;
  for (const char* variable :
       {"KEEPER_HOME=/x", "PATH=/bin", "NODE_ENV=test", "NOTIFY_SOCKETS=1", "A", "=x", ""})
    EXPECT_TRUE(passed_on(variable)) << variable;
}

Words merged(std::vector<const char*> inherited, const Words& added) {
  inherited.push_back(nullptr);
  auto all = merge_environment(inherited.data(), added);
  EXPECT_EQ(nullptr, all.back());
  return {all.begin(), all.end() - 1};
}

TEST(MergeEnvironment, LetsWhatIsAddedReplaceWhatIsInherited) {
  EXPECT_EQ((Words{"B=2", "AA=3", "A=new", "C=4"}), merged({"A=1", "B=2", "AA=3"}, {"A=new", "C=4"}));
  EXPECT_EQ((Words{"A=1"}), merged({"KEEPER_PID=9", "A=1", "LISTEN_FDS=2"}, {}));
  EXPECT_EQ((Words{"KEEPER_PID=10"}), merged({"KEEPER_PID=9"}, {"KEEPER_PID=10"}));
  EXPECT_EQ(Words{}, merged({}, {}));
}

TEST(VariableIn, FindsTheWholeNameOnly) {
  std::vector<const char*> environment = {"PATHS=no", "PATH=/bin:/x=y", "EMPTY=", nullptr};
  EXPECT_EQ("/bin:/x=y", variable_in(environment.data(), "PATH"));
  EXPECT_EQ("", variable_in(environment.data(), "EMPTY"));
  EXPECT_EQ("", variable_in(environment.data(), "PAT"));
}

TEST(AddedEnvironment, ComesFromTheFileThenTheOptionsThenTheKeeper) {
  Spec spec;
  spec.name = "api";
  spec.instance = 2;
  spec.env = {{"A", "option"}, {"KEEPER_NAME", "mine"}};
  EXPECT_EQ((Words{"A=option", "B=file", "KEEPER_NAME=api", "KEEPER_INSTANCE=2", "KEEPER_PID=77",
                   "NODE_APP_INSTANCE=2"}),
            added_environment(spec, 77, {"A=file", "B=file"}));
}

}  // namespace
}  // namespace keeper
