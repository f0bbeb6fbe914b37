// Walks over all short sequences of events, breadth first, from every state that the scenarios reach. States
// that differ in nothing a decision depends on (names of runs, pids, the clock's beginning, texts) are
// visited once. In each the promises of world.hpp hold, and a stop leads to the end.
//
// KEEPER_SEARCH_DEPTH is the length of the sequences, if it is not to be 2. That sees a hundred thousand
// states; each further event takes about ten times as long.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <unordered_set>

#include "tests/core/scenario.hpp"
#include "tests/core/sim.hpp"
#include "tests/core/text_files.hpp"
#include "tests/core/world.hpp"

namespace keeper {
namespace {

constexpr int kDepth = 2;

/// Numbers, one after the other, as one number.
class Folded {
 public:
  void operator()(std::int64_t number) {
    value_ = (value_ ^ static_cast<std::uint64_t>(number)) * 0x9E3779B97F4A7C15;
    value_ ^= value_ >> 29;
  }
  void add(bool flag) { (*this)(flag ? 1 : 0); }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

/// Folds what decisions depend on.
class StateFold {
 public:
  StateFold(const World& world, std::uint64_t policy)
      : s_(world.machine().snapshot()), now_(world.now()), policy_(world.machine().policy()) {
    fold_(static_cast<std::int64_t>(policy));
    world.fold([this](std::int64_t number) { fold_(number); });
    whole();
  }
  std::uint64_t value() const { return fold_.value(); }

 private:
  void whole() {
    fold_(s_.begun | s_.finished << 1 | s_.awaits << 2 | s_.reload_waiting << 3 | s_.ran << 4);
    fold_(static_cast<int>(s_.wanted) * 16 + static_cast<int>(s_.ends_as));
    slot(s_.serving);
    slot(s_.incoming);
    fold_(static_cast<std::int64_t>(s_.leaving.size()));
    for (const Life& each : s_.leaving)
      life(each);
    fold_.add(s_.next.has_value());
    if (s_.next) {
      time(s_.next->at);
      fold_(s_.next->asked);
      optional(s_.next->by);
    }
    moment(s_.changed);
    fold_(s_.canary.count());
    memory();
    optional(s_.last_end ? std::optional(s_.last_end->cause) : std::nullopt);
    fold_.add(s_.spawn_error.empty());
  }

  void memory() {
    const RestartMemory& m = s_.memory;
    fold_(m.failed_starts);
    fold_(m.restarts);
    for (const RestartMark& mark : m.marks) {
      time(mark.at);
      fold_(mark.count);
    }
    fold_(m.backoff.next.count());
    fold_(static_cast<std::int64_t>(policy_.jitter_seed == 0 ? 0 : m.backoff.draws));
  }

  void slot(const std::optional<Life>& life) {
    fold_.add(life.has_value());
    if (life) this->life(*life);
  }

  void life(const Life& l) {
    fold_(static_cast<std::int64_t>(s_.next_run - l.run));
    fold_(static_cast<int>(l.phase) * 64 + l.step);
    time(l.since);
    if (l.phase == Phase::stopping) time(l.step_since);
    clock(l.until);
    clock(l.secs);
    clock(l.trial);
    fold_(l.canary.count());
    fold_(l.shown);
    fold_(l.watchdog ? l.watchdog->count() : -1);
    fold_(l.alive() | l.suspended << 1 | l.at_once << 2 | l.for_reload << 3 | !l.stuck.empty() << 4);
    optional(l.begun_by);
    optional(l.ending);
    fold_.add(l.exit.has_value());
    if (l.exit) {
      fold_(static_cast<int>(l.exit->kind) * 1024 + l.exit->value);
      time(l.ended);
    }
  }

  void clock(const Clock& clock) {
    moment(clock.at);
    fold_(clock.held ? clock.held->count() : -1);
  }
  void moment(const std::optional<Time>& at) {
    fold_.add(at.has_value());
    if (at) time(*at);
  }
  void time(Time at) { fold_((at - now_).count()); }
  template <class T>
  void optional(const std::optional<T>& value) {
    fold_(value ? static_cast<std::int64_t>(*value) : -1);
  }

  const Snapshot& s_;
  Time now_;
  const Policy& policy_;
  Folded fold_;
};

/// A sequence of events, from the last one back; shared by all that go on from it.
struct Path {
  std::shared_ptr<const Path> before;
  std::string event;
};

std::string text_of(const Path* path) {
  if (!path) return {};
  std::string before = text_of(path->before.get());
  return before.empty() ? path->event : before + ", " + path->event;
}

struct Node {
  World world;
  std::uint64_t policy;  ///< which of the scenarios' policies it has
  std::shared_ptr<const Path> path;
};

/// What may happen in a world: time to pass first, then an event.
struct Happening {
  Millis wait{0};
  Event event;
};

void add_news(std::vector<Happening>& all, const World& world, RunId run) {
  auto add = [&](Event event) { all.push_back({Millis{0}, std::move(event)}); };
  add(event::SpawnSucceeded{run, world.next_pid()});
  add(event::SpawnFailed{run, false, "no"});
  add(event::SpawnFailed{run, true, "no"});
  for (int condition = 0; condition <= world.machine().policy().ready_events; ++condition)
    add(event::Ready{run, condition});
  add(event::Unshown{run, "tcp:80"});
  add(event::Extend{run, Millis{700}});
  add(event::Alive{run});
  add(event::EndsItself{run});
  add(event::Watchdog{run, Millis{700}});
  add(event::Hangs{run});
  add(event::MainMoved{run, world.next_pid()});
  for (bool leftovers : {false, true}) {
    add(event::Exited{run, ExitInfo::code(0), leftovers});
    add(event::Exited{run, ExitInfo::code(1), leftovers});
    add(event::Exited{run, ExitInfo::signal(SIGKILL), leftovers, true});
  }
  add(event::TreeEmpty{run});
  add(event::Suspended{run});
  add(event::Continued{run});
  add(event::Refused{run, "not permitted"});
  add(event::UserSignal{run, SIGHUP});
}

std::vector<Happening> happenings(const World& world) {
  std::vector<Happening> all;
  for (const Event& wish :
       {Event(event::Start{}), Event(event::Start{By::keeper}), Event(event::Await{}), Event(event::Stop{}),
        Event(event::Stop{Cause::scale}), Event(event::StopNow{}), Event(event::Restart{}),
        Event(event::Reload{}), Event(event::Reload{Millis{700}}), Event(event::ProgramChanged{}),
        Event(event::Tick{})})
    all.push_back({Millis{0}, wish});
  for (RunId run : runs_of(world.machine()))
    add_news(all, world, run);
  if (auto deadline = world.machine().deadline()) {
    const Millis left = std::max(Millis{0}, *deadline - world.now());
    all.push_back({left, event::Tick{}});
    all.push_back({left / 2, event::Tick{}});
    all.push_back({left + Millis{20'000}, event::Tick{}});
    all.push_back({left + Millis{20'000}, event::Stop{}});
  }
  return all;
}

/// Stops what is there, with a program that does as it is told. Returns why that is not the end, or "".
std::string stop_to_the_end(World world) {
  std::string problem = world.turn(event::Stop{});
  for (int turn = 0; problem.empty() && !world.left(); ++turn) {
    if (turn == 20) return "a stop does not come to an end";
    const Snapshot& s = world.machine().snapshot();
    if (s.leaving.empty() && !s.serving && !s.incoming)
      return "nothing is left after a stop, but no Leave came";
    const Life& life = s.leaving.empty() ? *s.serving : s.leaving.front();
    const RunId run = life.run;
    if (life.phase == Phase::spawning)
      problem = world.turn(Event(event::SpawnSucceeded{run, world.next_pid()}));
    else if (life.alive())
      problem = world.turn(Event(event::Exited{run, ExitInfo::signal(SIGTERM), true}));
    else
      problem = world.turn(Event(event::TreeEmpty{run}));
  }
  return problem;
}

class Search {
 public:
  /// Adds every state of a scenario.
  void begin_at(const std::string& name) {
    ScenarioSpec spec;
    std::optional<World> world;
    Folded policy;
    std::istringstream in(read_text(TEST_DATA "/scenarios/" + name + ".txt"));
    bool in_answer = false;
    for (std::string line; std::getline(in, line);) {
      if (line == "----") in_answer = true;
      if (line.empty()) in_answer = false;
      if (in_answer || line.empty() || line[0] == '#') continue;
      if (line.starts_with("spec ")) {
        spec.take(line);
        for (char c : line)
          policy(c);
        continue;
      }
      if (!world) begin(world.emplace(spec.policy(), false), policy.value(), name);
      perform(*world, words_of(line), name);
      begin(*world, policy.value(), name + " until \"" + line + "\"");
    }
  }

  /// Goes one event on from all states that were new in the step before. After the last step nothing goes on.
  void go_on(bool last) {
    std::vector<Node> nodes = std::exchange(frontier_, {});
    last_ = last;
    for (const Node& node : nodes)
      for (const Happening& what : happenings(node.world)) {
        play(node, what);
        if (testing::Test::HasFailure()) return;
      }
  }

  std::size_t states() const { return seen_.size(); }
  std::uint64_t events() const { return events_; }

 private:
  void begin(const World& world, std::uint64_t policy, const std::string& name) {
    add({world, policy, std::make_shared<Path>(Path{nullptr, name})});
  }

  void perform(World& world, const Words& words, const std::string& name) {
    std::string problem;
    if (words[0] == "advance")
      advance(world, *parse_duration(words.at(1)));
    else if (words[0] == "skip")
      world.pass(*parse_duration(words.at(1)));
    else if (auto event = event_of(words))
      problem = world.turn(*event);
    EXPECT_EQ(problem, "") << name;
  }

  void advance(World& world, Millis by) {
    const Time end = world.now() + by;
    while (world.machine().deadline() && *world.machine().deadline() <= end) {
      world.pass(std::max(Millis{0}, *world.machine().deadline() - world.now()));
      ASSERT_EQ(world.turn(event::Tick{}), "");
    }
    world.pass(end - world.now());
  }

  void play(const Node& node, const Happening& what) {
    ++events_;
    World world = node.world;
    world.pass(what.wait);
    const std::string problem = world.turn(what.event);
    const bool is_new = problem.empty() && seen_.insert(StateFold(world, node.policy).value()).second;
    if (problem.empty() && !is_new) return;
    Node next{std::move(world), node.policy, std::make_shared<Path>(Path{node.path, say(what)})};
    EXPECT_EQ(problem, "") << text_of(next.path.get());
    visit(std::move(next));
  }

  void add(Node node) {
    if (seen_.insert(StateFold(node.world, node.policy).value()).second) visit(std::move(node));
  }

  void visit(Node node) {
    if (node.world.machine().snapshot().begun) {
      EXPECT_EQ(stop_to_the_end(node.world), "") << text_of(node.path.get());
    }
    if (!last_) frontier_.push_back(std::move(node));
  }

  static std::string say(const Happening& what) {
    return (what.wait.count() == 0 ? "" : duration_text(what.wait) + " later ") + describe(what.event);
  }

  std::unordered_set<std::uint64_t> seen_;
  std::vector<Node> frontier_;
  std::uint64_t events_ = 0;
  bool last_ = false;
};

TEST(Search, EveryStateNearAScenarioKeepsThePromises) {
  const char* asked = std::getenv("KEEPER_SEARCH_DEPTH");
  const int depth = asked ? std::atoi(asked) : kDepth;
  Search search;
  for (const std::string& name : scenario_names())
    search.begin_at(name);
  const std::size_t begun = search.states();
  for (int i = 0; i < depth && !HasFailure(); ++i)
    search.go_on(i + 1 == depth);
  std::cout << search.states() << " states (" << begun << " of scenarios), " << search.events()
            << " events, sequences of " << depth << '\n';
  EXPECT_GT(begun, 500u);
  EXPECT_GT(search.states(), depth >= 2 ? 20'000u : begun);
}

}  // namespace
}  // namespace keeper
