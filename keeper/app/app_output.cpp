#include "keeper/app/app_output.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace keeper {
namespace {

constexpr Millis kSyslogLastWords{500};
constexpr const char* kLost = "it waited in memory when keeper and its guard were killed";

LogRules rules_of(const Spec& spec) {
  LogRules out;
  out.most = spec.log_max_size;
  out.backups = spec.log_backups;
  out.total = spec.log_max_total.value_or(0);
  out.compress = spec.log_compress;
  out.keep = spec.log_buffer;
  out.block = spec.log_full == LogFull::block;
  return out;
}

std::unique_ptr<LineMatcher> record_starts(const Spec& spec) {
  if (spec.log_join)
    if (auto made = LineMatcher::make(spec.log_join->expression)) return std::move(*made);
  return nullptr;
}

/// "api.2": a colon would end the name for who reads the local form.
std::string syslog_name(const Spec& spec) {
  return spec.name + (spec.one_of_several() ? "." + std::to_string(spec.instance) : "");
}

/// Null where it is not asked for.
std::unique_ptr<SyslogSender> syslog_of(asio::io_context& io, const Spec& spec) {
  if (!spec.log_syslog) return nullptr;
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  const std::string name = syslog_name(spec);
  if (spec.log_syslog->local())
    return std::make_unique<SyslogSender>(
        io, SyslogMessage(SyslogForm::local, host.data(), name, SyslogSender::kMostOfLocal), "/dev/log",
        local_syslog());
  return std::make_unique<SyslogSender>(io, SyslogMessage(SyslogForm::rfc5424, host.data(), name),
                                        spec.log_syslog->text(),
                                        udp_syslog(spec.log_syslog_addresses, spec.log_syslog->port));
}

LineFormatter::Format format_of(const Spec& spec) {
  if (spec.log_format == LogFormat::json)
    return JsonFormat(spec.name, spec.one_of_several() ? spec.instance : -1);
  return TimeFormat(spec.log_date_format.value_or(DateFormat{}));
}

/// Null for `raw`.
std::unique_ptr<LineFormatter> formatter_of(const Spec& spec, LogStream from) {
  if (spec.log_format == LogFormat::raw) return nullptr;
  return std::make_unique<LineFormatter>(format_of(spec), from, record_starts(spec));
}

}  // namespace

bool names_log_file(const std::string& log) {
  return log != "none" && log != "-";
}

AppOutput::AppOutput(asio::io_context& io, const Spec& spec, OutputHooks hooks, OutputMemory memory)
    : io_(io),
      spec_(spec),
      hooks_(std::move(hooks)),
      memory_(std::move(memory)),
      syslog_(syslog_of(io, spec)) {}

Result<std::unique_ptr<AppOutput>> AppOutput::make(asio::io_context& io, const Spec& spec, std::string path,
                                                   std::string error_path, OutputHooks hooks,
                                                   OutputMemory memory) {
  auto app = std::unique_ptr<AppOutput>(new AppOutput(io, spec, std::move(hooks), std::move(memory)));
  bool same = names_log_file(spec.log) && error_path == path;
  // Where nothing says which stream a line is of, one file takes them as they were written: through one pipe.
  bool apart = !spec.error_log.empty() && !(same && spec.log_format == LogFormat::raw);
  std::optional<std::size_t> out;
  if (names_log_file(spec.log)) out = app->add_sink(apart ? "out" : "all", path);
  if (Done done = app->add_stream(LogStream::out, out); !done) return done.error();
  if (!apart) return app;
  // Both may go into one file, where each line says which stream it is of.
  if (same) app->sinks_.front()->stream = "all";
  std::optional<std::size_t> err = same ? out : std::nullopt;
  if (!same && names_log_file(spec.error_log)) err = app->add_sink("err", error_path);
  if (Done done = app->add_stream(LogStream::err, err); !done) return done.error();
  return app;
}

/// Returns the number of the log.
std::size_t AppOutput::add_sink(const std::string& stream, const std::string& path) {
  auto sink = std::make_unique<Sink>();
  sink->stream = stream;
  sink->file = std::make_unique<FileSink>(path, rules_of(spec_), hooks_.user);
  FileSink* file = sink->file.get();
  file->on_file([this, sink = sink.get()](int fd) {
    sink->watch = hooks_.watch_file ? hooks_.watch_file(fd, sink->watch) : -1;
    return sink->watch >= 0;
  });
  if (hooks_.where)
    file->on_look([this, file, from = stream == "err" ? LogStream::err : LogStream::out] {
      return hooks_.where(from, file->given());
    });
  sink->compressor = std::make_unique<Compressor>(
      io_, [file](bool good, std::uint64_t inode) { file->compressed(good, inode); });
  file->on_compress([packer = sink->compressor.get()](const FilePlace& log, const std::string& from,
                                                      const std::string& to) {
    return static_cast<bool>(packer->start(log, from, to));
  });
  file->kept().on_memory([this, log = sinks_.size()](int fd) {
    if (hooks_.on_memory) hooks_.on_memory(log, fd);
  });
  sinks_.push_back(std::move(sink));
  return sinks_.size() - 1;
}

/// Continues with the output that an earlier keeper kept for a log. False: it is lost.
bool AppOutput::take_over_kept(std::size_t log, PieceMark* mark) {
  FileSink& file = *sinks_[log]->file;
  const OverflowLoss loss = OverflowLoss::of(mark != nullptr ? mark->waits : 0);
  file.take_over(std::move(memory_.kept[log]), loss);
  if (mark != nullptr) file.kept().note_in(&mark->waits);
  return file.kept().memory() >= 0 || loss.bytes == 0;
}

/// Returns whether no stream before this one goes into the file.
bool AppOutput::is_first_into(const FileSink* file, std::size_t stream) const {
  return std::none_of(streams_.begin(), streams_.begin() + static_cast<std::ptrdiff_t>(stream),
                      [&](const auto& before) { return before->log->file() == file; });
}

/// `log`: the number of its log; nothing: no file.
Done AppOutput::add_stream(LogStream from, std::optional<std::size_t> log) {
  const std::size_t number = streams_.size();
  const bool known = number < memory_.pipes.size() && memory_.pipes[number].reading;
  auto pipe = known ? Result<OutputPipe>(std::move(memory_.pipes[number])) : make_output_pipe();
  if (!pipe) return pipe.error();
  Fd& copy = memory_.copies[number];
  auto second = copy ? CopyPipe::of(std::move(copy)) : CopyPipe::make();
  if (!second) return second.error();
  OutputRoute route;
  route.file = log ? sinks_[*log]->file.get() : nullptr;
  route.number = static_cast<int>(number);
  route.mark = memory_.marks[number];
  const bool first = log && is_first_into(route.file, number);
  if (first && !take_over_kept(*log, route.mark)) route.lost = kLost;
  settle(route, known, pipe->reading.get(), *second);
  inodes_.push_back(inode_of(pipe->reading));
  route.lines = formatter_of(spec_, from);
  route.markers = spec_.log_markers;
  route.is_watched = [this] { return syslog_ || hooks_.is_watched(); };
  std::unique_ptr<SyslogLines> lines;
  if (syslog_) lines = std::make_unique<SyslogLines>(io_, *syslog_, from, record_starts(spec_), hooks_.pid);
  route.watch = [this, from, to_syslog = lines.get()](std::string_view bytes) {
    if (to_syslog != nullptr) to_syslog->feed(bytes);
    hooks_.watch(bytes, from);
  };
  route.pid = hooks_.pid;
  route.on_trouble = [this] { look_for_trouble(); };
  auto made = OutputLog::make(io_, std::move(pipe->reading), std::move(*second), std::move(route));
  if (!made) return made.error();
  streams_.push_back(
      std::make_unique<Stream>(Stream{std::move(pipe->writing), std::move(lines), std::move(*made)}));
  return {};
}

/// Finishes what an earlier keeper was doing with this pipe, if that is known.
void AppOutput::settle(const OutputRoute& route, bool known, int pipe, CopyPipe& second) {
  if (route.file != nullptr) {
    const PieceMark::Kind kind = known && route.mark != nullptr ? route.mark->kind() : PieceMark::none;
    route.file->settle_piece(route.number, kind == PieceMark::copied || kind == PieceMark::made);
  }
  if (known && route.mark != nullptr && route.file != nullptr)
    settle_piece(*route.mark, route.file->given(), pipe, second, hooks_.user);
  else
    end_piece(route.mark, 0);
  if (second.outlived()) second.discard(second.waiting());
  if (route.mark != nullptr && route.mark->kind() == PieceMark::made)
    route.file->write_again(route.mark->inode, route.mark->offset);
}

void AppOutput::look_for_file(int watch) {
  for (auto& sink : sinks_)
    if (watch < 0 || sink->watch == watch) sink->file->look_for_file();
}

void AppOutput::go_along() {
  for (auto& sink : sinks_)
    sink->file->go_along();
}

/// Said once, and once that it is over.
void AppOutput::look_for_trouble() {
  for (auto& sink : sinks_) {
    const std::string& now = sink->file->trouble();
    if (now == sink->trouble) continue;
    bool began = sink->trouble.empty(), over = now.empty();
    sink->trouble = now;
    if (over || began) hooks_.on_trouble(now, newly_dropped(*sink));
  }
}

std::uint64_t AppOutput::newly_dropped(Sink& sink) {
  std::uint64_t all = sink.file->dropped();
  return all - std::exchange(sink.told_dropped, all);
}

void AppOutput::use_marks(const std::array<PieceMark*, 2>& marks) {
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    streams_[i]->log->use_mark(marks[i]);
    FileSink* file = streams_[i]->log->file();
    if (file != nullptr && is_first_into(file, i))
      file->kept().note_in(marks[i] != nullptr ? &marks[i]->waits : nullptr);
  }
}

std::vector<int> AppOutput::pipes() const {
  std::vector<int> out;
  for (const auto& stream : streams_)
    out.push_back(stream->log->pipe());
  return out;
}

std::vector<int> AppOutput::copies() const {
  std::vector<int> out;
  for (const auto& stream : streams_)
    out.push_back(stream->log->copy());
  return out;
}

std::vector<int> AppOutput::kept() const {
  std::vector<int> out;
  for (const auto& sink : sinks_)
    out.push_back(sink->file->kept().memory());
  return out;
}

bool AppOutput::try_again() {
  bool good = true;
  for (auto& stream : streams_)
    good = stream->log->try_again() && good;
  return good;
}

void AppOutput::drain(std::size_t most) {
  for (auto& stream : streams_)
    stream->log->drain(most);
}

void AppOutput::begin_run() {
  for (auto& sink : sinks_) {
    sink->file->open();
    if (!tidied_) sink->file->tidy();
  }
  tidied_ = true;
}

void AppOutput::mark_run() {
  for (auto& sink : sinks_)
    sink->run_mark = sink->file->total();
}

void AppOutput::end_run() {
  for (auto& stream : streams_) {
    stream->log->end_run();
    if (stream->lines) stream->lines->end_run();
  }
}

/// Of stderr, which is what matters where the streams are apart, as much as there is room for.
std::string AppOutput::last_output(std::size_t most) const {
  std::string out;
  std::size_t share = most / std::max<std::size_t>(1, sinks_.size());
  for (const auto& sink : sinks_) {
    if (!out.empty() && out.back() != '\n') out += '\n';
    out += sink->file->last(share, sink->run_mark);
  }
  return out;
}

bool AppOutput::at_line_start() {
  if (sinks_.empty()) return true;
  FileSink& file = *sinks_.front()->file;
  file.open();
  return !file.writes_again() && file.at_line_start();
}

void AppOutput::add_own(std::string_view text, WallTime time) {
  if (!sinks_.empty())
    (streams_.front()->log->file() != nullptr ? streams_.front() : streams_.back())->log->add_own(text, time);
  if (syslog_ && spec_.log_markers)
    syslog_->send("[keeper] " + std::string(text), time, LogStream::keeper, hooks_.pid());
}

std::optional<SyslogState> AppOutput::syslog() const {
  if (!syslog_) return std::nullopt;
  SyslogState out{spec_.log_syslog->text(), syslog_->dropped(), {}};
  if (!syslog_->trouble().empty()) out.trouble = syslog_->trouble();
  return out;
}

void AppOutput::give_up() {
  for (auto& stream : streams_)
    stream->log->give_up();
}

void AppOutput::finish() {
  for (auto& sink : sinks_)
    if (std::uint64_t dropped = newly_dropped(*sink); dropped > 0)
      hooks_.on_trouble(dropped_text(dropped, sink->file->trouble()), dropped);
  if (syslog_) syslog_->finish(kSyslogLastWords);
}

void AppOutput::rename() {
  if (syslog_) syslog_->rename(syslog_name(spec_));
  for (auto& stream : streams_)
    stream->log->use_format(format_of(spec_));
}

std::vector<LogFile> AppOutput::files() const {
  std::vector<LogFile> out;
  for (const auto& sink : sinks_) {
    const FileSink& file = *sink->file;
    LogFile one{sink->stream, file.path(), file.bytes(), {}, file.dropped(), file.waiting()};
    if (!file.trouble().empty()) one.trouble = file.trouble();
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<int> AppOutput::pids() const {
  std::vector<int> out;
  for (const auto& sink : sinks_)
    if (sink->compressor->pid() > 0) out.push_back(sink->compressor->pid());
  return out;
}

Done AppOutput::rotate() {
  return tend(&FileSink::rotate);
}

Done AppOutput::reopen() {
  return tend(&FileSink::reopen);
}

Done AppOutput::remove_files() {
  return tend(&FileSink::remove_files);
}

Result<bool> AppOutput::flush_part(std::size_t log) {
  auto done = sinks_.at(log)->file->flush_part();
  for (auto& stream : streams_)
    stream->log->look_at_sink();
  return done;
}

Done AppOutput::tend(Done (FileSink::*doing)()) {
  Done out;
  for (auto& sink : sinks_)
    if (Done done = (sink->file.get()->*doing)(); !done && out) out = done;
  for (auto& stream : streams_)
    stream->log->look_at_sink();
  return out;
}

}  // namespace keeper
