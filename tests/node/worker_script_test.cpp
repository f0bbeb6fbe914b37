// What a worker loads before its program.
#include "keeper/node/worker_script.hpp"

#include <gtest/gtest.h>

namespace keeper {
namespace {

TEST(WorkerScript, ComesBeforeWhateverElseNodeIsTold) {
  EXPECT_EQ(R"(--require "/home/me/w.js")", worker_options(std::nullopt, {}, "/home/me/w.js"));
  EXPECT_EQ(R"(--require "/w.js" --no-warnings)", worker_options("--no-warnings", {"a.js"}, "/w.js"));
  EXPECT_EQ(R"(--require "/w.js" )", worker_options("", {}, "/w.js")) << "set, and empty";
}

TEST(WorkerScript, MayStandUnderAnyPath) {
  EXPECT_EQ(R"(--require "/a b/\"c\"/\\/w.js")", worker_options(std::nullopt, {}, R"(/a b/"c"/\/w.js)"));
}

TEST(WorkerScript, IsNoneWhereNodeWouldNotReadItOrTheVariableCouldNotBePutBack) {
  for (const char* word : {"--permission", "--experimental-permission", "--env-file=.env", "--env-file",
                           "--env-file-if-exists=.env"})
    EXPECT_FALSE(worker_options(std::nullopt, {"--no-warnings", word, "a.js"}, "/w.js")) << word;
  EXPECT_FALSE(worker_options("--experimental-permission --allow-fs-read=/srv", {}, "/w.js"));
  EXPECT_FALSE(worker_options("--title=caf\xE9", {}, "/w.js"));
}

}  // namespace
}  // namespace keeper
