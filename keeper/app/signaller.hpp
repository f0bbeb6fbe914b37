// Signaller: sends runs the signals that the machine decides. They are saved with the state and sent after
// it; a signal to a run that a reload has replaced goes last, so that its end does not delay the reply.
#pragma once
#include <string>
#include <vector>

#include "keeper/app/app.hpp"
#include "keeper/app/events.hpp"
#include "keeper/app/part.hpp"

namespace keeper {

class LifecycleLog;
class NodeChannels;
class Runs;

class Signaller : public Part {
 public:
  Signaller(App& app, Events& events, Runs& runs, NodeChannels& channels, LifecycleLog& log)
      : app_(app), events_(events), runs_(runs), channels_(channels), log_(log) {}

  /// Notes the signals among the actions of a step, for save().
  void note(const std::vector<Action>& actions);
  /// Sends a signal of the step in hand, unless it is to go last.
  void perform(const action::Signal& signal);
  /// Forgets the noted signals that go first: they were sent.
  void first_sent() { pending_.clear(); }
  /// Sends what goes last. Returns whether there was any.
  bool send_last();
  /// Sends a signal, or the keeper's word to a node program, now.
  void send(const action::Signal& signal);
  /// Sends the first of the stop signals to a run that was asked to end by a message.
  void send_first(Run& run);
  /// Sends a signal to each of these processes of a run.
  void send_to(Run& run, int signal, const std::vector<int>& pids);
  /// Whether this keeper may signal a run's main process, which may have become another user since its start.
  static bool may_signal_main(Run& run);

  /// errno of the last signal to a main process; 0: it was sent.
  int last_error() const { return error_; }
  void clear_error() { error_ = 0; }

  void save(KeptState& state) const override;

 private:
  bool goes_last(RunId id) const;
  void send_by_scope(Run& run, int signal, Scope scope);
  void note_killed(Run& run, std::vector<KilledProcess> fresh);
  void note_refused(const Run& run, const std::vector<int>& pids);

  App& app_;
  Events& events_;
  Runs& runs_;
  NodeChannels& channels_;
  LifecycleLog& log_;
  std::vector<KeptSignal> pending_;
  std::vector<KeptSignal> last_;
  int error_ = 0;
};

}  // namespace keeper
