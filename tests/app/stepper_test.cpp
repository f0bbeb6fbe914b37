// The order of a step, with a real machine and parts that write down when they are asked.
#include "keeper/app/stepper.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/app/fakes.hpp"

namespace keeper {
namespace {

using std::string;
using Lines = std::vector<string>;

/// A part that writes down what it is told, behind the name of what happened.
class Listening : public Part {
 public:
  explicit Listening(Lines& lines) : lines_(lines) {}
  void announced(const action::Announce& a) override { lines_.push_back("announced " + name(a)); }
  void published(const action::Announce& a) override { lines_.push_back("published " + name(a)); }

 private:
  static string name(const action::Announce& a) {
    return string(word_for(a.what)) + " " + std::to_string(a.run);
  }
  Lines& lines_;
};

/// Spawns by telling that it worked, or that it did not.
class Performing : public Performer {
 public:
  Performing(App& app, Lines& lines)
      : lines_(lines), listening_(lines), parts_{&listening_}, stepper(app, *this, parts_), app_(app) {}

  void save(const std::vector<Action>& actions) override {
    if (!actions.empty()) lines_.push_back("saved");
  }
  void perform(const action::Spawn& spawn) override {
    lines_.push_back("spawned " + std::to_string(spawn.run));
    if (refuses)
      stepper.tell(event::SpawnFailed{spawn.run, false, "refused"});
    else
      stepper.tell(event::SpawnSucceeded{spawn.run, 1000 + static_cast<int>(spawn.run)});
  }
  void perform(const action::Signal& signal) override {
    lines_.push_back("signal " + std::to_string(signal.signal));
  }
  void perform(const action::Leave& leave) override {
    lines_.push_back("left");
    app_.leaving_as = leave.state;
  }
  void record() override { lines_.push_back("recorded"); }
  void published() override { lines_.push_back("done"); }

 private:
  Lines& lines_;
  Listening listening_;
  std::vector<Part*> parts_;

 public:
  Stepper stepper;
  bool refuses = false;

 private:
  App& app_;
};

class StepperTest : public testing::Test {
 protected:
  bool before(const string& first, const string& then) const {
    const auto a = std::find(lines.begin(), lines.end(), first),
               b = std::find(lines.begin(), lines.end(), then);
    return a != lines.end() && b != lines.end() && a < b;
  }
  string all() const {
    string out;
    for (const string& line : lines)
      out += line + "\n";
    return out;
  }

  TempApp app;
  Lines lines;
  Performing performing{*app, lines};
};

TEST_F(StepperTest, SavesThenPerformsThenRecordsThenPublishes) {
  performing.stepper.tell(event::Start{});
  EXPECT_EQ((Lines{"saved", "spawned 1", "saved", "announced started 1", "recorded", "published started 1",
                   "done"}),
            lines)
      << all();
}

TEST_F(StepperTest, QueuesWhatIsToldWithinAStep) {
  performing.refuses = true;
  performing.stepper.tell(event::Start{});
  EXPECT_TRUE(before("announced spawn_failed 1", "recorded")) << all();
  EXPECT_EQ(1, std::count(lines.begin(), lines.end(), "recorded")) << all();
}

TEST_F(StepperTest, PublishesNothingOfAnAppThatIsOverButToTheLastPart) {
  performing.stepper.tell(event::Start{});
  performing.stepper.tell(event::Stop{});
  lines.clear();
  performing.stepper.tell(event::Exited{1, ExitInfo::code(0), false, false});
  EXPECT_TRUE(before("announced exited 1", "left")) << all();
  EXPECT_FALSE(before("left", "recorded")) << all();
  EXPECT_EQ(0, std::count_if(lines.begin(), lines.end(), [](auto& l) { return l.starts_with("published"); }));
  Listening last(lines);
  performing.stepper.publish_last(last);
  EXPECT_TRUE(before("left", "published exited 1")) << all();
}

/// Nothing is performed that is not saved, and nothing is published that is not recorded, whatever is told.
TEST_F(StepperTest, KeepsTheOrderInAnySequence) {
  std::minstd_rand random(7);
  for (int i = 0; i < 400 && !app->leaving_as; ++i) {
    lines.clear();
    const RunId run = app->machine.run();
    switch (random() % 6) {
      case 0: performing.stepper.tell(event::Start{}); break;
      case 1: performing.stepper.tell(event::Restart{}); break;
      case 2: performing.stepper.tell(event::Exited{run, ExitInfo::code(1), random() % 2 == 0, false}); break;
      case 3: performing.stepper.tell(event::TreeEmpty{run}); break;
      case 4: performing.refuses = !performing.refuses; break;
      default: performing.stepper.tell(event::Tick{});
    }
    bool saved = false, recorded = false;
    for (const string& line : lines) {
      if (line == "saved") saved = true;
      if (line == "recorded") recorded = true;
      const bool acts =
          line.starts_with("announced") || line.starts_with("spawned") || line.starts_with("signal");
      EXPECT_TRUE(saved || !acts) << all();
      EXPECT_TRUE(recorded || !line.starts_with("published")) << all();
    }
  }
}

}  // namespace
}  // namespace keeper
