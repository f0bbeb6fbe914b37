// Every state x event cell as text: the state diagram that cannot go stale.
#include <gtest/gtest.h>

#include "tests/core/sim.hpp"
#include "tests/core/text_files.hpp"

namespace keeper {
namespace {

struct Setting {
  std::string name;
  std::vector<Event> events;  ///< what leads there, from a new machine
  bool ready_by_event = false;
  bool watchdog = false;
};

const event::Exited kCrash{1, ExitInfo::code(1)};
const event::Exited kCrashWithLeftovers{1, ExitInfo::code(1), true};

/// Each setting is reached by what is usual. A Tick stands for: at the deadline.
std::vector<Setting> settings() {
  const event::Start start;
  const event::SpawnSucceeded spawned{1, 100}, second{2, 200};
  const event::Tick tick;
  const event::Refused refused{1, "not permitted: pid 100 runs as root"};
  return {
      {"new", {}},
      {"awaits", {event::Await{}}},
      {"spawning", {start}},
      {"starting", {start, spawned}},
      {"starting, waits for ready", {start, spawned}, true},
      {"confirmed", {start, spawned, tick}},
      {"suspended while starting", {start, spawned, event::Suspended{1}}},
      {"suspended", {start, spawned, tick, event::Suspended{1}}},
      {"backoff", {start, spawned, kCrash}},
      {"spawning again", {start, spawned, kCrash, tick}},
      {"stopping", {start, spawned, tick, event::Stop{}}},
      {"stopping while spawning", {start, event::Stop{}}},
      {"killing", {start, spawned, tick, event::StopNow{}}},
      {"clearing after a crash", {start, spawned, kCrashWithLeftovers}},
      {"clearing after a stop", {start, spawned, tick, event::Stop{}, kCrashWithLeftovers}},
      {"killing leftovers", {start, spawned, tick, event::Stop{}, kCrashWithLeftovers, tick}},
      {"refused", {start, spawned, tick, event::Stop{}, refused}},
      {"refused to leftovers", {start, spawned, tick, event::Stop{}, kCrashWithLeftovers, refused}},
      {"survived KILL", {start, spawned, tick, event::Restart{}, tick, tick}},
      {"reloaded, old one refused", {start, spawned, tick, event::Reload{}, second, tick, refused}},
      {"restarting", {start, spawned, tick, event::Restart{}}},
      {"not ready in time", {start, spawned, tick}, true},
      {"reloading, spawning", {start, spawned, tick, event::Reload{}}},
      {"reloading, starting", {start, spawned, tick, event::Reload{}, second}},
      {"reloading, on trial", {start, spawned, tick, event::Reload{Millis{5'000}}, second, tick}},
      {"reloaded, old one stopping", {start, spawned, tick, event::Reload{}, second, tick}},
      {"watched", {start, spawned, tick}, false, true},
      {"hung", {start, spawned, tick, tick}, false, true},
      {"program changed", {start, spawned, tick, event::ProgramChanged{}}},
      {"finished", {start, spawned, tick, event::Stop{}, kCrash}},
  };
}

Sim reach(const Setting& setting) {
  Policy policy;
  policy.ready_events = setting.ready_by_event ? 1 : 0;
  policy.ready_secs = !setting.ready_by_event;
  if (setting.watchdog) policy.watchdog = Millis{10'000};
  Sim sim(policy);
  for (const Event& event : setting.events) {
    if (std::holds_alternative<event::Tick>(event) && sim.machine.deadline())
      sim.now = *sim.machine.deadline();
    sim.tell(event);
  }
  return sim;
}

std::vector<Event> events_about(RunId run) {
  return {event::SpawnSucceeded{run, 300},
          event::SpawnFailed{run, false, "no"},
          event::SpawnFailed{run, true, "no"},
          event::Ready{run},
          event::Unshown{run, "tcp:80"},
          event::Extend{run, Millis{60'000}},
          event::Alive{run},
          event::EndsItself{run},
          event::Watchdog{run, Millis{20'000}},
          event::Hangs{run},
          event::MainMoved{run, 400},
          event::Exited{run, ExitInfo::code(1), false},
          event::Exited{run, ExitInfo::unknown(), true},
          event::Exited{run, ExitInfo::signal(SIGKILL), false, true},
          event::TreeEmpty{run},
          event::Suspended{run},
          event::Continued{run},
          event::Refused{run, "not permitted: pid 100 runs as root"},
          event::UserSignal{run, SIGHUP}};
}

std::vector<Event> all_events(const Machine& machine) {
  std::vector<Event> events = {
      event::Start{},   event::Start{By::keeper}, event::Await{}, event::Stop{},          event::StopNow{},
      event::Restart{}, event::Reload{},          event::Tick{},  event::ProgramChanged{}};
  for (RunId run : runs_of(machine))
    for (const Event& event : events_about(run))
      events.push_back(event);
  return events;
}

std::string cell(Sim sim, const Event& event) {
  if (std::holds_alternative<event::Tick>(event) && sim.machine.deadline()) sim.now = *sim.machine.deadline();
  Snapshot before = sim.machine.snapshot();
  Lines lines = sim.tell(event);
  if (lines.empty() && sim.machine.snapshot() == before) return "  " + describe(event) + ": nothing\n";
  std::string text = "  " + describe(event) + '\n';
  for (const std::string& line : lines)
    text += "      " + line + '\n';
  return text + "      -> " + describe(sim.machine) + '\n';
}

std::string table() {
  std::string text;
  for (const Setting& setting : settings()) {
    Sim sim = reach(setting);
    text += "== " + setting.name + "\n   " + describe(sim.machine) + "\n\n";
    for (const Event& event : all_events(sim.machine))
      text += cell(sim, event);
    text += '\n';
  }
  return text;
}

TEST(Transitions, AreAllWrittenDown) {
  std::string path = TEST_DATA "/transitions.golden";
  expect_text(path, read_text(path), table());
}

TEST(Transitions, AreTriedWithEveryEvent) {
  std::vector<bool> seen(std::variant_size_v<Event>);
  for (const Event& event : all_events(Machine(Policy{})))
    seen[event.index()] = true;
  EXPECT_EQ(seen, std::vector<bool>(seen.size(), true));
}

}  // namespace
}  // namespace keeper
