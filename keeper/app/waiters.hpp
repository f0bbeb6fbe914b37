// Waiters: clients whose answer is owed until something has happened to the app (a stop, a restart, a
// reload), and the command that started this keeper. They hear of it once it is recorded.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "keeper/app/app_output.hpp"
#include "keeper/app/part.hpp"
#include "keeper/app/start_report.hpp"
#include "keeper/app/status_source.hpp"
#include "keeper/control/service.hpp"
#include "keeper/core/machine.hpp"
#include "keeper/core/recorder.hpp"

namespace keeper {

class Waiters : public Part {
 public:
  /// `stem`: the app, as answers call it. `survivors`: the processes that outlived KILL.
  Waiters(std::string stem, StatusSource& source, const Machine& machine, const Recorder& recorder,
          const std::vector<int>& survivors)
      : stem_(std::move(stem)),
        source_(source),
        machine_(machine),
        recorder_(recorder),
        survivors_(survivors) {}

  void use(const AppOutput& output) { output_ = &output; }
  /// Takes the pipe to the command that waits for the start (start_report.hpp). `done` is called after the
  /// last report.
  void use_start_report(Fd pipe, std::function<void()> done);

  void stop(Answer answer) { stop_.push_back(std::move(answer)); }
  void restart(Answer answer) { restart_.push_back(std::move(answer)); }
  void reload(Answer answer) { reload_.push_back(std::move(answer)); }
  /// Takes the fields of the spec that the reload under way changes, for its answer.
  void note_changes(std::vector<std::string> fields) { changed_ = std::move(fields); }

  void published(const action::Announce& a) override;
  /// Answers everybody but the command that waits for the start: the app is over.
  void app_ended();
  /// Reports to the command that waits for the start. `spawned` is followed by another report; all others are
  /// the last.
  void report_start(StartReport::Kind kind, int exit_code);

 private:
  void end_reload(const action::Announce& a);
  void tell_stuck(const action::Announce& a);
  void refuse(std::vector<Answer>& answers, const char* doing) const;

  std::string stem_;
  StatusSource& source_;
  const Machine& machine_;
  const Recorder& recorder_;
  const std::vector<int>& survivors_;
  const AppOutput* output_ = nullptr;  ///< null until the log is open
  std::vector<Answer> stop_;
  std::vector<Answer> restart_;
  std::vector<Answer> reload_;
  std::vector<std::string> changed_;  ///< empty: no reload is under way, or it changes nothing
  Fd start_report_;                   ///< none: nobody waits for the start
  std::function<void()> start_reported_;
};

}  // namespace keeper
