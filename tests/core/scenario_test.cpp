// Runs scenarios/*.txt: a file is commands with what each leads to, in simulated time that begins at 0.
//
//   # comment
//   spec FIELD=VALUE ...    before the first command; also jitter=SEED, and for ready the number of
//   conditions:
//                           ready=event (one), ready=2, ready=1+secs
//   COMMAND                 start, stop-now, spawned #1 pid=100, exit #1 code=1 leftovers, signal #1 HUP ...
//   ----
//   what the machine does about it, and how far away its deadline is then
//
// `advance 10s` lets time pass, `skip 10s` does so too but the Ticks are late, `status` shows the facts,
// `restore` goes on with a machine made from the snapshot.
#include <gtest/gtest.h>

#include "tests/core/scenario.hpp"
#include "tests/core/sim.hpp"
#include "tests/core/text_files.hpp"

namespace keeper {
namespace {

class Scenario {
 public:
  /// The text with what happens now in place of what stood there.
  std::string replay(const std::string& text) {
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
      take(line);
    return out_;
  }

 private:
  void take(const std::string& line) {
    if (line == "----") in_answer_ = true;
    bool old = in_answer_ || (after_answer_ && line.empty());
    if (line.empty()) in_answer_ = false;
    if (old) return;
    after_answer_ = false;
    if (line.empty() || line[0] == '#') return add(line);
    if (line.starts_with("spec ")) return set(line);
    perform(line);
  }

  void perform(const std::string& line) {
    add(line);
    add("----");
    for (const std::string& each : answer(words_of(line)))
      add(each);
    add("");
    after_answer_ = true;
  }

  void add(const std::string& line) { out_ += line + '\n'; }

  void set(const std::string& line) {
    add(line);
    spec_.take(line);
    sim_ = Sim(spec_.policy());
  }

  Lines answer(const Words& words) {
    if (words[0] == "status") return {describe(sim_.machine)};
    if (words[0] == "restore") return restore();
    Lines lines;
    if (words[0] == "advance")
      lines = sim_.advance(*parse_duration(words.at(1)));
    else if (words[0] == "skip")
      sim_.now += *parse_duration(words.at(1));
    else if (auto event = event_of(words))
      lines = sim_.tell(*event);
    else
      ADD_FAILURE() << "no command " << words[0];
    if (lines.empty()) lines.push_back("nothing");
    if (auto deadline = sim_.machine.deadline())
      lines.push_back("deadline " + duration_text(*deadline - sim_.now));
    return lines;
  }

  Lines restore() {
    sim_.machine = Machine(sim_.machine.policy(), sim_.machine.snapshot());
    return {describe(sim_.machine)};
  }

  ScenarioSpec spec_;
  Sim sim_{Policy{}};
  std::string out_;
  bool in_answer_ = false;     ///< within the answer that stood in the text
  bool after_answer_ = false;  ///< an answer was just written, with the empty line that ends it
};

class Scenarios : public testing::TestWithParam<std::string> {};

TEST_P(Scenarios, GoAsWritten) {
  std::string path = TEST_DATA "/scenarios/" + GetParam() + ".txt";
  std::string text = read_text(path);
  ASSERT_FALSE(text.empty()) << path;
  expect_text(path, text, Scenario().replay(text));
}

INSTANTIATE_TEST_SUITE_P(Machine, Scenarios, testing::ValuesIn(scenario_names()),
                         [](const auto& param) { return param.param; });

}  // namespace
}  // namespace keeper
