// The foreground: the program's output on stdout, the keeper's notices on stderr, and Ctrl-C. Never waits for
// whoever reads it. In the background it does nothing.
#pragma once
#include <asio/io_context.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "keeper/app/app_output.hpp"
#include "keeper/app/part.hpp"
#include "keeper/core/machine.hpp"
#include "keeper/log/echo.hpp"

namespace keeper {

class Terminal : public Part {
 public:
  /// `stem`: the app, as it is called in notices. `survivors`: the processes that outlived KILL.
  Terminal(std::string stem, const Machine& machine, const std::vector<int>& survivors)
      : stem_(std::move(stem)), machine_(machine), survivors_(survivors) {}

  /// Shows things from now on.
  void open(asio::io_context& io);
  void use(const AppOutput& output) { output_ = &output; }
  bool is_open() const { return echo_ != nullptr; }

  /// Shows a line of the keeper.
  void notice(const std::string& line);
  /// Shows a line about the app.
  void notice_of_app(const std::string& text) { notice(stem_ + ": " + text); }
  /// Shows what the program has written.
  void output(std::string_view bytes, LogStream from);
  /// Takes note of INT, QUIT or TERM. Returns whether the program is to be ended at once: a second Ctrl-C.
  bool interrupted(int signal);
  /// Shows nothing any more: the terminal went away.
  void hang_up();
  /// Shows what waits, at the end, while somebody goes on reading with pauses of at most `patience`.
  void finish(Millis patience);

  void announced(const action::Announce& a) override;

 private:
  std::string text_of(const action::Announce& a) const;

  std::string stem_;
  const Machine& machine_;
  const std::vector<int>& survivors_;
  const AppOutput* output_ = nullptr;  ///< null until the log is open
  std::unique_ptr<Echo> echo_;         ///< stdout; null in the background
  std::unique_ptr<Echo> notes_;        ///< stderr; null in the background
  int interrupts_ = 0;
};

}  // namespace keeper
