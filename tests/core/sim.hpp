// Sim: a machine in simulated time. Time passes only when advance() says so, and a machine whose deadline
// never moves on ends the test instead of hanging it.
#pragma once
#include <string>
#include <vector>

#include "keeper/core/describe.hpp"

namespace keeper {

using Lines = std::vector<std::string>;

/// The runs that the machine knows, or else the last one, of which news may still come.
inline std::vector<RunId> runs_of(const Machine& machine) {
  const Snapshot& s = machine.snapshot();
  std::vector<RunId> runs;
  if (s.serving) runs.push_back(s.serving->run);
  if (s.incoming) runs.push_back(s.incoming->run);
  for (const Life& life : s.leaving)
    runs.push_back(life.run);
  if (runs.empty()) runs.push_back(machine.run());
  return runs;
}

class Sim {
 public:
  explicit Sim(Policy policy) : machine(std::move(policy)) {}

  /// The actions that an event led to, as text.
  Lines tell(const Event& event) {
    Lines lines;
    for (const Action& each : machine.step(event, now))
      lines.push_back(describe(each));
    return lines;
  }

  /// Lets time pass, with a Tick at each deadline on the way. Each line says when it was.
  Lines advance(Millis by) {
    Lines lines;
    Time end = now + by;
    for (int turn = 0; machine.deadline() && *machine.deadline() <= end; ++turn) {
      if (turn == kMostTurns) return {"the deadline does not move on"};
      now = std::max(now, *machine.deadline());
      for (const std::string& line : tell(event::Tick{}))
        lines.push_back("at " + duration_text(now) + ": " + line);
    }
    now = end;
    return lines;
  }

  Machine machine;
  Time now{0};

 private:
  static constexpr int kMostTurns = 1'000;
};

}  // namespace keeper
