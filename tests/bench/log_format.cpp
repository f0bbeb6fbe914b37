// How fast output is cut into lines and formatted, without reading and writing: 100-byte lines in 64 KiB
// pieces, on one core. Built and run by hand:
//   ninja -C build/release log_format_bench && build/release/bin/log_format_bench [SECONDS]
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "keeper/log/line_format.hpp"

using namespace keeper;
using Clock = std::chrono::steady_clock;

namespace {

/// 64 KiB of lines that are all `line`, filled up to 100 bytes.
std::string block_of(std::string line) {
  if (line.ends_with('}'))
    line.insert(0, 99 - line.size(), ' ');
  else
    line.resize(99, 'x');
  line += '\n';
  std::string block;
  while (block.size() < (64 << 10))
    block += line;
  block.resize(64 << 10);
  return block;
}

/// Feeds the block again and again and prints how much of it went through.
template <class Append>
void measure(const char* what, const std::string& block, double seconds, Append&& append) {
  LineSplitter splitter;
  OutBuffer out;
  double taken = 0, best = 0;
  for (int run = 0; run < 5; ++run) {
    std::size_t bytes = 0;
    auto begin = Clock::now();
    for (taken = 0; taken < seconds / 5; taken = std::chrono::duration<double>(Clock::now() - begin).count())
      for (int i = 0; i < 100; ++i, bytes += block.size()) {
        WallTime now{Millis(1'795'191'840'123 + static_cast<long>(bytes >> 20))};
        splitter.feed(block, [&](const LinePiece& piece) { append(out, piece, now); });
        out.clear();
      }
    best = std::max(best, static_cast<double>(bytes) / taken);
  }
  std::printf("%-34s %6.0f MB/s of input\n", what, best / 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = argc > 1 ? std::atof(argv[1]) : 1;
  TimeFormat time, dated(DateFormat{"%d.%m. %H:%M:%S.%L"});
  JsonFormat json("example");
  auto put_time = [&](OutBuffer& out, const LinePiece& piece, WallTime now) { time.append(out, piece, now); };
  auto put_dated = [&](OutBuffer& out, const LinePiece& piece, WallTime now) {
    dated.append(out, piece, now);
  };
  auto put_json = [&](OutBuffer& out, const LinePiece& piece, WallTime now) {
    json.append(out, piece, now, LogStream::out, 1140);
  };
  measure("splitter alone", block_of("GET /"), seconds, [](OutBuffer&, const LinePiece&, WallTime) {});
  measure("time", block_of("GET /"), seconds, put_time);
  measure("time with log_date_format", block_of("GET /"), seconds, put_dated);
  measure("json, plain ASCII", block_of("GET /"), seconds, put_json);
  measure("json, quotation marks", block_of("\"GET /\" \"caf\" 200"), seconds, put_json);
  measure("json, UTF-8", block_of("GET /caf\xC3\xA9"), seconds, put_json);
  measure("json, objects",
          block_of(R"({"level":30,"time":1795191840123,"msg":"listening","port":8080,"pid":1140})"), seconds,
          put_json);
}
