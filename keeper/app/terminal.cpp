#include "keeper/app/terminal.hpp"

#include <unistd.h>

#include <csignal>

#include "keeper/app/lifecycle_log.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/escape.hpp"

namespace keeper {

void Terminal::open(asio::io_context& io) {
  echo_ = std::make_unique<Echo>(io, STDOUT_FILENO);
  notes_ = std::make_unique<Echo>(io, STDERR_FILENO);
}

void Terminal::notice(const std::string& line) {
  if (notes_) notes_->write("keeper: " + escaped_lines(line) + "\n");
}

void Terminal::output(std::string_view bytes, LogStream from) {
  if (!echo_) return;
  Echo& echo = from == LogStream::err ? *notes_ : *echo_;
  echo.write(bytes);
  if (std::uint64_t dropped = echo.take_dropped(); dropped > 0)
    notice(std::to_string(dropped) + " bytes were not shown here: nobody reads" +
           (output_->keeps_files() ? "; the log has them" : ""));
}

bool Terminal::interrupted(int signal) {
  if (signal != SIGTERM && interrupts_++ > 0) return true;
  notice("stopping " + stem_ + (signal == SIGTERM ? "" : "; Ctrl-C again ends it at once"));
  return false;
}

void Terminal::hang_up() {
  echo_.reset();
  notes_.reset();
}

void Terminal::finish(Millis patience) {
  if (echo_) echo_->finish(patience);
  if (notes_) notes_->finish(patience);
}

void Terminal::announced(const action::Announce& a) {
  const bool new_run = a.what == action::What::started && a.run == machine_.run();
  if (new_run) interrupts_ = 0;  // the first Ctrl-C of a run asks it
  if (!notes_) return;
  if (const std::string text = text_of(a); !text.empty()) notice_of_app(text);
}

std::string Terminal::text_of(const action::Announce& a) const {
  switch (a.what) {
    case action::What::started: {
      const bool first = output_->keeps_files() && machine_.restarts() == 0;
      return "started pid " + std::to_string(a.pid) + (first ? ", log " + output_->files().front().path : "");
    }
    case action::What::exited: return end_text(machine_, a);
    case action::What::backoff: return a.until ? "next start in " + lived_text(*a.until - steady_now()) : "";
    case action::What::refused: return "it cannot be ended: " + a.text;
    case action::What::spawn_failed:
    case action::What::killing: return a.text;
    case action::What::fatal: return machine_.spawn_error().empty() ? "given up: " + a.text : "";
    case action::What::survivors: {
      std::string text;
      for (int pid : survivors_)
        text += (text.empty() ? "survived KILL: pid " : ", pid ") + std::to_string(pid);
      return text;
    }
    default: return "";
  }
}

}  // namespace keeper
