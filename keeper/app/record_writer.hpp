// RecordWriter: the app's record for people and for ctl (status.json, with the history of its runs), and its
// pid file. The record is written at most once a second; its last words are never left out.
#pragma once
#include <asio/steady_timer.hpp>
#include <optional>
#include <string>

#include "keeper/app/lifecycle_log.hpp"
#include "keeper/app/part.hpp"
#include "keeper/app/status_source.hpp"
#include "keeper/app/terminal.hpp"
#include "keeper/child/spawn_plan.hpp"
#include "keeper/core/machine.hpp"
#include "keeper/core/recorder.hpp"
#include "keeper/survive/state_page.hpp"
#include "protocol/store/home.hpp"

namespace keeper {

class RecordWriter : public Part {
 public:
  /// What it needs to know; all of it outlives the writer.
  struct Sources {
    const Home& home;
    const std::string& stem;
    const bool& name_lost;  ///< the files are another keeper's: nothing is written
    const Spec& spec;
    const ActingUser& user;  ///< whose rights count at the path of a pid file
    const Machine& machine;
    const Recorder& recorder;
    StatusSource& status;
    LifecycleLog& log;
    Terminal& terminal;
  };
  RecordWriter(asio::io_context& io, const Sources& sources) : from_(sources), timer_(io) {}

  /// Takes note of a change: the record is written now, or within a second.
  void note_change();
  /// Writes the record. Returns whether that worked; the next change is another chance.
  bool write();
  /// Writes the record of an app that is over. There is no next change: what passes is waited for, and a full
  /// disk has the room that the state page does not need any more.
  void write_last(std::optional<StatePage>& page);
  /// Writes, or removes, the pid file if the main process is another one.
  void update_pid_file();
  /// Writes record and pid file even if nothing has changed: somebody removed them.
  void write_again();
  /// Returns why the pid file that the user asked for is another process's; nothing if it is not.
  std::optional<std::string> foreign_pid_file() const;

 private:
  void report_once(const Done& pid_file);

  Sources from_;
  asio::steady_timer timer_;
  Millis written_at_{-10'000};
  std::optional<Millis> due_;        ///< when the timer writes; nothing: it does not run
  std::optional<int> recorded_pid_;  ///< of the last record
  std::string pid_text_;             ///< in the pid file; empty: there is none
  std::string pid_error_;            ///< as it was reported last; empty: none
};

}  // namespace keeper
