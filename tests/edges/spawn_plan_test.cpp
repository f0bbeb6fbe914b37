// What a program name comes to, and the environment it is given.
#include "keeper/child/spawn_plan.hpp"

#include <sys/resource.h>

#include "tests/edges/support/place.hpp"

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
    auto result = resolve(program, place.path().string(), interpreter, interpreter_args, path);
    if (auto* no = std::get_if<CannotRun>(&result)) return {std::to_string(no->exit_code), no->error.text()};
    Words out = std::get<Resolved>(result).command;
    for (string& word : out)
      if (word.starts_with(place.path().string() + "/")) word = word.substr(place.path().string().size() + 1);
    return out;
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
  EXPECT_EQ((Words{"/usr/bin/env", "-S sh -e", "marked"}), files.resolved("./marked"));
}

TEST(Resolve, LeavesWhatIsExecutableAsItIs) {
  Files files;
  EXPECT_EQ((Words{"script"}), files.resolved("script"));
  EXPECT_EQ((Words{"elf"}), files.resolved("./elf"));
}

TEST(Resolve, FindsAFileOfTheDirectoryBeforeThoseOfPath) {
  Files files;
  EXPECT_EQ((Words{"bin/tool"}), files.resolved("tool"));
  EXPECT_EQ((Words{"more/second"}), files.resolved("second")) << "the first one of PATH is not executable";
  write_text(files.place / "tool", "#!/bin/sh\n", 0700);
  EXPECT_EQ((Words{"tool"}), files.resolved("tool"));
}

TEST(Resolve, TakesAnEmptyEntryOfPathForTheDirectory) {
  Files files;
  EXPECT_EQ((Words{"bin/special", "x.js"}), files.resolved("x.js", "./bin/special", {}, ""));
  EXPECT_EQ((Words{"script", "x.js"}), files.resolved("x.js", "script", {}, "bin::more"));
}

TEST(Resolve, RunsByTheInterpreterThatIsGiven) {
  Files files;
  EXPECT_EQ((Words{"bin/special", "-a", "b c", "elf"}), files.resolved("elf", "special", {"-a", "b c"}));
  EXPECT_EQ((Words{"bin/special", "plain"}), files.resolved("plain", "bin/special"));
}

TEST(Resolve, SaysWhyNot) {
  Files files;
  EXPECT_EQ(127, files.refused("nowhere", "no such program in PATH"));
  EXPECT_EQ(127, files.refused("./nowhere", "No such file or directory"));
  EXPECT_EQ(127, files.refused("", "empty"));
  EXPECT_EQ(127, files.refused("x.rb", "'ruby'"));
  EXPECT_EQ(127, files.refused("./lost", "'/no/such'"));
  EXPECT_EQ(127, files.refused("x.js", "'nothing'", "nothing"));
  EXPECT_EQ(126, files.refused("./folder", "is a directory"));
  EXPECT_EQ(126, files.refused("./fifo", "not a regular file"));
  EXPECT_EQ(126, files.refused("./plain", "use --interpreter"));
  EXPECT_EQ(126, files.refused("./elf-data", "chmod +x"));
  EXPECT_EQ(126, files.refused("./.js", "use --interpreter"));
}

TEST(Resolve, WithoutDescriptorsItSaysSoAndThatItPasses) {
  Files files;
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none{0, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  auto result = resolve("elf", files.place.path().string(), "", {}, "bin");
  setrlimit(RLIMIT_NOFILE, &before);
  auto* no = std::get_if<CannotRun>(&result);
  ASSERT_NE(nullptr, no);
  EXPECT_EQ(EMFILE, no->error.errnum);
  EXPECT_TRUE(no->passes);
}

// --- inspect
// ------------------------------------------------------------------------------------------------------------

TEST(Inspected, IsNodeHoweverItIsRun) {
  Files files;
  string bin = (files.place / "bin").string();
  string by_env = (files.place / "by-env").string(), by_path = (files.place / "by-path").string();
  write_text(by_env, "#!/usr/bin/env node\n", 0700);
  write_text(by_path, "#!/opt/nodejs\n", 0700);
  EXPECT_EQ((Words{"/usr/bin/node", "--inspect=9229", "x.js", "-a"}),
            inspected({"/usr/bin/node", "x.js", "-a"}, 9229, bin));
  EXPECT_EQ((Words{"/usr/bin/nodejs", "--inspect=1"}), inspected({"/usr/bin/nodejs"}, 1, bin));
  EXPECT_EQ((Words{bin + "/node", "--inspect=9229", by_env, "-a"}), inspected({by_env, "-a"}, 9229, bin));
  EXPECT_EQ((Words{"/opt/nodejs", "--inspect=9229", by_path}), inspected({by_path}, 9229, bin));
  for (const Words& words : {Words{"/usr/bin/node", "x.js"}, Words{by_env, "-a"}, Words{by_path}})
    EXPECT_TRUE(runs_node(words, bin)) << words.front();
}

TEST(Inspected, LeavesEveryOtherProgramAsItIs) {
  Files files;
  for (const Words& words :
       {Words{"/bin/sh", "node"}, Words{"/usr/bin/python3", "x.py"}, Words{"/opt/node18"},
        Words{(files.place / "script").string()}, Words{"/no/such"}, Words{}}) {
    EXPECT_EQ(words, inspected(words, 9229, "bin"));
    EXPECT_FALSE(runs_node(words, "bin"));
  }
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
