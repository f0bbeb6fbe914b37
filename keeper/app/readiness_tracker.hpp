// ReadinessTracker: collects what shows that a run works: sd_notify(3), probes, a descriptor, lines of
// output.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "keeper/app/app.hpp"
#include "keeper/app/events.hpp"
#include "keeper/app/part.hpp"
#include "keeper/ready/notify_socket.hpp"

namespace keeper {

class EndWatcher;
class FdStore;
class RecordWriter;
class Runs;
class Spawner;

class ReadinessTracker : public Part {
 public:
  ReadinessTracker(App& app, Events& events, FdStore& store, Runs& runs, Spawner& spawner, EndWatcher& ends,
                   RecordWriter& record)
      : app_(app),
        events_(events),
        store_(store),
        runs_(runs),
        spawner_(spawner),
        ends_(ends),
        record_(record) {}

  /// Opens the socket for sd_notify(3) if the spec needs one and there is none. `name`: a predecessor's,
  /// whose socket is in the store; empty: a new one.
  Done open_socket(const std::string& name);
  /// Reads what programs have sent until now.
  void drain_socket();
  /// Returns the name of the socket for NOTIFY_SOCKET; empty: there is none.
  std::string socket_name() const { return notify_ ? notify_->environment() : std::string(); }

  /// Begins to ask whether a run that was spawned works.
  void begin(RunId id);
  /// Tells that a condition of that kind is met.
  void mark_ready(RunId id, ReadyCondition::Kind kind);
  /// Whether output() has any use for a run's output.
  bool wants_output() const;
  void output(std::string_view bytes);
  /// Queues what each run has not shown: the next Tick may be the end of its start.
  void queue_unmet();

  Done equip(RunId run, RunExtras& extras) override;
  void not_spawned(RunId run) override;
  void spawned(Run& run) override { run.ready = std::move(pending_); }
  void adopted(Run& run, const Life* life) override;
  void removed(Run& run) override;
  void announced(const action::Announce& a) override;
  void describe(Status& status) override;
  void save(KeptState& state) const override;
  void restore(const KeptState& state) override;
  void add_descriptors(std::vector<HeldFd>& out) const override;

 private:
  Result<std::unique_ptr<RunReadiness>> make(RunId id, Fd known);
  std::string stranger_behind(RunId id, int socket);
  void on_notification(const Notification& n);
  std::string unmet_text(const Run& run) const;

  App& app_;
  Events& events_;
  FdStore& store_;
  Runs& runs_;
  Spawner& spawner_;
  EndWatcher& ends_;
  RecordWriter& record_;
  std::unique_ptr<NotifySocket> notify_;   ///< null: no program is to say how it is
  std::unique_ptr<RunReadiness> pending_;  ///< of the run that is being equipped
  std::vector<std::string> missed_;        ///< conditions that the last run did not meet in time
  std::string missed_text_;
  int stranger_ = 0;  ///< pid that took the last connection of a probe; 0: none
};

}  // namespace keeper
