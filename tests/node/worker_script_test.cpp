// What a worker loads before its program.
#include "keeper/node/worker_script.hpp"

#include <gtest/gtest.h>

namespace keeper {
namespace {

TEST(WorkerScript, ComesAfterWhateverElseNodeIsTold) {
  EXPECT_EQ(R"(--require "/home/me/w.js")", worker_options("", "/home/me/w.js"));
  EXPECT_EQ(R"(--no-warnings --require "/w.js")", worker_options("--no-warnings", "/w.js"));
}

TEST(WorkerScript, MayStandUnderAnyPath) {
  EXPECT_EQ(R"(--require "/a b/\"c\"/\\/w.js")", worker_options("", R"(/a b/"c"/\/w.js)"));
}

}  // namespace
}  // namespace keeper
