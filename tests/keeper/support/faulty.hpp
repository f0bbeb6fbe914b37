// A keeper of which any system call fails, or is its last, as a plan says (tests/faults/plan.hpp).
#pragma once
#include "tests/children/steps.hpp"
#include "tests/faults/plan.hpp"
#include "tests/keeper/support/log_texts.hpp"
#include "tests/keeper/support/shared.hpp"

/// Skips a test where keeper_faulty is not built.
#define NEEDS_KEEPER_FAULTY() \
  if (!keeper::faulty_is_built()) GTEST_SKIP() << "keeper_faulty is built beside a release only"

namespace keeper {

inline bool faulty_is_built() {
  return std::filesystem::exists(program("keeper_faulty"));
}

/// The longest time for one step of a program (tests/children/steps.hpp), whatever fails.
inline constexpr Millis kStep{20'000};

/// The plan of a sandbox, which its keepers of faulty() follow.
struct PlanOf : Shared<faults::Plan> {
  explicit PlanOf(const Sandbox& box) : Shared(box.root() / "plan") {}
};

/// keeper_faulty -d -n NAME, confirmed at once, and then these words.
inline Start faulty(const Sandbox& box, const Words& words, const std::string& name = "life") {
  Start how{{program("keeper_faulty"), "-d", "-n", name, "--start-secs", "0"}};
  how.words.insert(how.words.end(), words.begin(), words.end());
  how.environment = {{"FAULT_PLAN", (box.root() / "plan").string()}};
  return how;
}

}  // namespace keeper
