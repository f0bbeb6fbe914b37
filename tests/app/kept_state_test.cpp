// What goes from one keeper to the next through the state page.
#include "keeper/app/kept_state.hpp"

#include <gtest/gtest.h>

namespace keeper {
namespace {

TEST(KeptState, HasWhatTheCounterOfKillsSaidAtTheStartOfEachRun) {
  KeptState state;
  state.runs.resize(2);
  state.runs.front().oom = OomMark{"/sys/fs/cgroup/a/memory.events", 3};
  const KeptState read = kept_state_from(to_bytes(state));
  EXPECT_EQ(state.runs, read.runs);
  EXPECT_FALSE(read.runs.back().oom) << "a run without a counter, or of a keeper that kept no mark";
}

}  // namespace
}  // namespace keeper
