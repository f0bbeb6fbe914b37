// What node makes of its command line.
#include "keeper/node/node_command.hpp"

#include <gtest/gtest.h>

namespace keeper {
namespace {

using Runs = NodeCommand::Runs;
using Words = std::vector<std::string>;

TEST(NodeCommand, RunsTheFirstWordThatIsNoOptionAndNoValueOfOne) {
  for (const Words& words :
       {Words{"x.js"}, Words{"--max-old-space-size=300", "x.js", "-e"}, Words{"--import", "tsx", "x.js"},
        Words{"--import=tsx", "x.js"}, Words{"-r", "./a.js", "--enable-source-maps", "x.js"},
        Words{"--env-file", ".env", "-C", "dev", "--", "x.js"}, Words{"--inspect", "x.js"}}) {
    const NodeCommand runs = read_node_command(words);
    EXPECT_EQ(Runs::script, runs.runs) << testing::PrintToString(words);
    EXPECT_EQ("x.js", runs.script) << testing::PrintToString(words);
  }
}

TEST(NodeCommand, RunsNoFile) {
  for (const Words& words : {Words{"-e", "1"}, Words{"--import", "tsx", "--eval=1"}, Words{"-p", "1", "x.js"},
                             Words{"-"}, Words{"-i"}, Words{"-pe", "1"}})
    EXPECT_EQ(Runs::code, read_node_command(words).runs) << testing::PrintToString(words);
  for (const Words& words :
       {Words{}, Words{"--version"}, Words{"--check", "x.js"}, Words{"--"}, Words{"--import"}})
    EXPECT_EQ(Runs::nothing, read_node_command(words).runs) << testing::PrintToString(words);
  for (const Words& words : {Words{"--watch", "x.js"}, Words{"--run", "serve"}, Words{"--test"}})
    EXPECT_EQ(Runs::another, read_node_command(words).runs) << testing::PrintToString(words);
}

TEST(LauncherRemedy, NamesWhatToWriteInstead) {
  EXPECT_TRUE(launcher_remedy("/srv/server.js", {}).empty());
  EXPECT_TRUE(launcher_remedy("/usr/bin/npm", {"run", "serve"}).find("package.json") != std::string::npos);
  EXPECT_TRUE(launcher_remedy("/x/npm/bin/npm-cli.js", {}).find("package.json") != std::string::npos);
  EXPECT_EQ("keeper -d -i N -- node --import tsx x.ts",
            launcher_remedy("/x/.bin/tsx", {"--tsconfig=a", "x.ts"}));
  EXPECT_EQ("keeper -d -i N -- node --import tsx FILE", launcher_remedy("/x/tsx/dist/cli.mjs", {}));
  EXPECT_EQ("keeper -d -i N -- node -r ts-node/register x.ts", launcher_remedy("ts-node", {"x.ts"}));
}

}  // namespace
}  // namespace keeper
