// The keeper's own lines in the log of its app: "[keeper] started pid 4711". A line waits here until what it
// speaks of is done, so that a restart does not wait for the disk.
#pragma once
#include <string>
#include <vector>

#include "keeper/app/app_output.hpp"
#include "keeper/app/part.hpp"
#include "keeper/core/machine.hpp"
#include "keeper/core/recorder.hpp"

namespace keeper {

class LifecycleLog : public Part {
 public:
  /// `survivors`: the processes that outlived KILL.
  LifecycleLog(const Machine& machine, const Recorder& recorder, const std::vector<int>& survivors)
      : machine_(machine), recorder_(recorder), survivors_(survivors) {}

  /// Where the lines go.
  void use(AppOutput& output) { output_ = &output; }

  /// Adds a line.
  void add(std::string text);
  /// Adds a line once the log is at the beginning of one: a predecessor may have died in the middle of a
  /// piece.
  void add_at_line_start(std::string text) { late_ = std::move(text); }
  /// Looks whether the log is at the beginning of a line now.
  void look_for_line_start();
  /// Writes what waits.
  void flush();
  /// Forgets what waits.
  void discard() { lines_.clear(); }

  void announced(const action::Announce& a) override;

 private:
  struct Line {
    WallTime at;
    std::string text;
    bool begins_run = false;  ///< what is written behind it is the new run's
  };

  const Machine& machine_;
  const Recorder& recorder_;
  const std::vector<int>& survivors_;
  AppOutput* output_ = nullptr;  ///< null until the log is open
  std::vector<Line> lines_;
  std::string late_;  ///< waits for the end of a line; empty: none
};

/// "pid 4711 ended with code 1 after 3 s", of the end that was announced.
std::string end_text(const Machine& machine, const action::Announce& a);

}  // namespace keeper
