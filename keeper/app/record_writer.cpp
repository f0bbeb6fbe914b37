#include "keeper/app/record_writer.hpp"

#include <unistd.h>

#include <cstdlib>

#include "keeper/app/memory.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/files.hpp"
#include "protocol/base/pid_file.hpp"

namespace keeper {
namespace {

constexpr Millis kRecordEvery{1000};
constexpr Millis kRecordRuns{50};
constexpr int kLastRecordTries = 3;
constexpr useconds_t kLastRecordPause = 10'000;

}  // namespace

void RecordWriter::note_change() {
  // A new pid at once, so that a keeper that dies does not leave a program that nobody knows of; but not for
  // each of a thousand runs a second.
  const auto pid = from_.machine.pid();
  const bool new_pid = pid && pid != recorded_pid_;
  const Millis due = written_at_ + (new_pid ? kRecordRuns : kRecordEvery);
  if (steady_now() >= due) {
    write();
    return;
  }
  if (due_ && *due_ <= due) return;
  due_ = due;
  timer_.expires_at(std::chrono::steady_clock::time_point(due));
  timer_.async_wait([this](std::error_code error) {
    if (error) return;
    due_.reset();
    if (!from_.machine.finished()) write();
    give_back_memory();
  });
}

bool RecordWriter::write() {
  if (from_.name_lost) return true;
  written_at_ = steady_now();
  recorded_pid_ = from_.machine.pid();
  const Done done = from_.home.write_status(from_.stem, from_.status.status(), from_.recorder.runs());
  if (!done) from_.log.add(done.error().text());
  return static_cast<bool>(done);
}

void RecordWriter::write_last(std::optional<StatePage>& page) {
  for (int time = 0; time < kLastRecordTries && !write(); ++time) {
    if (page) page->give_room();
    usleep(kLastRecordPause);
  }
}

std::optional<std::string> RecordWriter::foreign_pid_file() const {
  if (from_.spec.pid_file.empty()) return std::nullopt;
  const auto owner = pid_file_owner(from_.spec.pid_file, &from_.user);
  if (!owner || std::to_string(*owner) + "\n" == pid_text_) return std::nullopt;
  return pid_file_taken(from_.spec.pid_file, *owner).text();
}

void RecordWriter::update_pid_file() {
  if (from_.name_lost) return;
  const auto pid = from_.machine.pid();
  std::string text = pid ? std::to_string(*pid) + "\n" : "";
  if (text == pid_text_) return;
  const bool asked = !from_.spec.pid_file.empty();
  const std::string path = asked ? from_.spec.pid_file : from_.home.pid_path(from_.stem);
  if (pid)
    report_once(asked ? write_pid_file(path, text, &from_.user) : write_file_atomically(path, text, false));
  else if (asked)
    remove_pid_file(path, std::atoi(pid_text_.c_str()), &from_.user);
  else
    unlink(path.c_str());
  pid_text_ = std::move(text);
}

void RecordWriter::write_again() {
  pid_text_.clear();
  update_pid_file();
  write();
}

/// A pid file that cannot be written stops nothing, and is not reported again for the same reason.
void RecordWriter::report_once(const Done& pid_file) {
  std::string text = pid_file ? "" : pid_file.error().text() + "; it runs without a pid file";
  if (!text.empty() && text != pid_error_) {
    from_.log.add(text);
    from_.terminal.notice_of_app(text);
  }
  pid_error_ = std::move(text);
}

}  // namespace keeper
