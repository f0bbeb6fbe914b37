#include "keeper/app/app_log.hpp"

#include <algorithm>
#include <asio/post.hpp>

#include "keeper/app/app_files.hpp"
#include "keeper/app/fd_store.hpp"
#include "keeper/app/readiness_tracker.hpp"
#include "keeper/app/state_journal.hpp"
#include "keeper/app/subscribers.hpp"
#include "keeper/app/terminal.hpp"
#include "keeper/child/settings.hpp"
#include "keeper/child/tree.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/base/file_place.hpp"
#include "protocol/logs/files.hpp"
#include "protocol/store/inotify_use.hpp"
#include "protocol/store/run_signs.hpp"

namespace keeper {
namespace {

constexpr std::size_t kMostLogBytes = 192 * 1024;
constexpr std::size_t kDrainFirst = 1 << 20;  // what was written before the request
constexpr std::uint64_t kMostLogLines = 5'000;

}  // namespace

OutputHooks AppLog::hooks() {
  OutputHooks hooks;
  hooks.user = &app_.user;
  hooks.is_watched = [this] { return with_.terminal.is_open() || with_.readiness.wants_output(); };
  hooks.watch = [this](std::string_view bytes, LogStream from) { on_output(bytes, from); };
  hooks.watch_file = [this](int fd, int before) { return with_.files.watch_file(fd, before); };
  hooks.pid = [this] { return app_.machine.pid().value_or(0); };
  hooks.on_memory = [this](std::size_t log, int fd) { with_.store.put(overflow_name(log), fd); };
  hooks.on_trouble = [this](const std::string& what, std::uint64_t dropped) { on_trouble(what, dropped); };
  hooks.where = [this, own = app_.spec.log.empty(), own_error = app_.spec.error_log == "apart"](
                    LogStream stream, const std::string& given) {
    with_.files.find_home();
    if (stream == LogStream::err) return own_error ? app_.home.error_log_path(app_.stem()) : given;
    return own ? app_.home.log_path(app_.stem()) : given;
  };
  return hooks;
}

Done AppLog::open(const std::optional<LeftBehind>& left) {
  auto made =
      AppOutput::make(app_.io, app_.spec, app_.log_path(), app_.error_log_path(), hooks(), memory(left));
  if (!made) return made.error();
  app_.output = std::move(*made);
  return {};
}

/// Returns what a predecessor left unwritten. The guard has held the pipes; else a process of the program has
/// them.
OutputMemory AppLog::memory(const std::optional<LeftBehind>& left) {
  OutputMemory out;
  for (std::size_t i = 0; with_.journal.page() && i < out.marks.size(); ++i)
    out.marks[i] = static_cast<PieceMark*>(with_.journal.page()->place(i));
  for (const char* name : {"out", "err"})
    if (Fd held = with_.store.take(name))
      out.pipes.push_back(output_pipe_of(std::move(held)).value_or(OutputPipe{}));
  out.copies = {with_.store.take("out-copy"), with_.store.take("err-copy")};
  for (std::size_t i = 0; i < out.kept.size(); ++i)
    out.kept[i] = with_.store.take(overflow_name(i));
  if (!left || !out.pipes.empty()) return out;
  std::vector<int> pids = {left->pid};
  for (const KeptRun& run : left->state.runs) {
    RunIds ids{run.main_ended ? 0 : run.pid, run.session, {}, run_marks(app_.spec.name, run.keeper)};
    ids.user = run.user;
    const std::vector<int> tree = tree_of(ids);
    pids.insert(pids.end(), tree.begin(), tree.end());
  }
  for (std::uint64_t inode : left->state.pipes)
    out.pipes.push_back(find_output_pipe(pids, inode).value_or(OutputPipe{}));
  return out;
}

void AppLog::on_output(std::string_view bytes, LogStream from) {
  if (!app_.output->keeps_files()) app_.recorder.add_output(bytes);
  with_.readiness.output(bytes);
  with_.terminal.output(bytes, from);
}

void AppLog::on_trouble(const std::string& what, std::uint64_t dropped) {
  std::string lost = dropped > 0 ? dropped_text(dropped) : "";
  if (!what.empty())
    with_.terminal.notice(dropped > 0 ? what : what + "; output is kept meanwhile");
  else
    with_.terminal.notice("the log is written again" + (lost.empty() ? "" : "; " + lost));
  with_.subscribers.send_log_trouble(what, dropped);
}

void AppLog::show(const GetLogs& request, const Answer& answer) {
  with_.files.follow_home();
  std::string doing = "show the log of " + app_.stem();
  if (!app_.output->keeps_files())
    return answer.fail({Reason::not_found, doing, "its log is " + app_.spec.log, 0});
  std::vector<LogFile> files = app_.output->files();
  auto file = std::find_if(files.begin(), files.end(),
                           [&](const LogFile& one) { return !request.log || one.stream == *request.log; });
  if (file == files.end())
    return answer.fail({Reason::not_found, doing, "it has no log '" + *request.log + "'", 0});
  bool follow = request.follow.value_or(false);
  std::uint64_t count = std::min(request.lines.value_or(100), kMostLogLines);
  const std::string given = file->stream == "err" ? app_.error_log_path() : app_.log_path();
  const ActingUser* rights = rights_at(given, app_.user);
  if (rights == nullptr) rights = rights_at(file->path, app_.user);
  const ActingAs as_user(rights);
  if (as_user.error() != 0) return answer.fail(system_error(doing, "as " + app_.user.name));
  // Where a line begins that has no end yet is known only from looking at it.
  auto tail = read_tail(file->path, follow ? std::max<std::uint64_t>(count, 1) : count, kMostLogBytes);
  if (!tail) return answer.fail(tail.error());
  LogLines lines{file->path, tail->bytes, std::move(tail->lines), tail->truncated};
  if (!follow) return answer.give(lines);
  LogSpot from = tail->end.file.inode == 0 ? LogFollower::now() : tail->end;
  // It is sent when it has ended.
  from.offset -= tail->unfinished;
  if (tail->unfinished > 0) lines.lines.pop_back();
  if (count == 0) lines.lines.clear();
  const auto watch = may_take_instance(app_.home) ? LogFollower::Watch::yes : LogFollower::Watch::no;
  auto follower = LogFollower::open_at(file->path, from, watch);
  if (!follower) return answer.fail(follower.error());
  follower->act_as(rights);
  feeds_.add(answer, std::move(lines), std::move(*follower));
}

void AppLog::answer_with(const std::string& doing, Done (AppOutput::*act)(), const Answer& answer) {
  std::string what = doing + " " + app_.stem();
  if (!app_.output->keeps_files())
    return answer.fail({Reason::failed, what, "its log is " + app_.spec.log, 0});
  app_.output->drain(kDrainFirst);
  Done done = (app_.output.get()->*act)();
  if (!done) return answer.fail({done.error().reason, what, done.error().why(), 0});
  answer.give(LogsNow{app_.output->files()});
}

void AppLog::flush(Answer answer) {
  if (!app_.output->keeps_files())
    return answer.fail({Reason::failed, "flush " + app_.stem(), "its log is " + app_.spec.log, 0});
  app_.output->drain(kDrainFirst);
  flushes_.push_back({std::move(answer)});
  if (flushes_.size() == 1) flush_part();
}

/// Removes as many backups as one turn of the loop may, for whoever asked first.
void AppLog::flush_part() {
  if (flushes_.empty()) return;  // the keeper leaves
  Flush& flush = flushes_.front();
  const auto done = app_.output->flush_part(flush.log);
  if (!done && flush.failed) flush.failed = done.error();
  if (!done || *done) ++flush.log;
  std::optional<Flush> over;
  if (flush.log >= app_.output->logs()) {
    over = std::move(flush);
    flushes_.pop_front();
  }
  if (!flushes_.empty()) asio::post(app_.io, [this] { flush_part(); });
  if (!over) return;
  // Last: an answer may lead to the next request, and that to the end.
  if (over->failed)
    over->answer.give(LogsNow{app_.output->files()});
  else
    over->answer.fail({over->failed.error().reason, "flush " + app_.stem(), over->failed.error().why(), 0});
}

void AppLog::finish() {
  for (const Flush& flush : std::exchange(flushes_, {}))
    flush.answer.fail({Reason::failed, "flush " + app_.stem(), "it was stopped meanwhile", 0});
  feeds_.finish();
}

void AppLog::describe(Status& status) {
  status.logs = app_.output->files();
  status.syslog = app_.output->syslog();
}

void AppLog::save(KeptState& state) const {
  state.pipes = app_.output->pipe_inodes();
}

void AppLog::add_descriptors(std::vector<HeldFd>& out) const {
  constexpr const char *names[] = {"out", "err"}, *beside[] = {"out-copy", "err-copy"};
  const std::vector<int> pipes = app_.output->pipes(), copies = app_.output->copies();
  for (std::size_t i = 0; i < pipes.size(); ++i) {
    out.push_back({names[i], pipes[i]});
    out.push_back({beside[i], copies[i]});
  }
  const std::vector<int> kept = app_.output->kept();
  for (std::size_t i = 0; i < kept.size(); ++i)
    if (kept[i] >= 0) out.push_back({overflow_name(i), kept[i]});
}

}  // namespace keeper
