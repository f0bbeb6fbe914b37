#include "keeper/node/message.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "protocol/json/reader.hpp"

namespace keeper {
namespace {

using Kind = NodeMessage::Kind;

constexpr int kMostLevels = 1000;                           // each is a frame on the reader's stack
constexpr int kAnyNumber = static_cast<int>(kMostMessage);  // a line has no more values than bytes
constexpr std::string_view kPrefix = "NODE_";

Kind kind_of_command(std::string_view command) {
  if (command.size() <= kPrefix.size() || !command.starts_with(kPrefix)) return Kind::program;
  if (command == "NODE_HANDLE") return Kind::handle;
  if (command == "NODE_CLUSTER") return Kind::cluster;
  return Kind::internal;
}

}  // namespace

NodeMessage read_node_message(std::string_view line) {
  if (line.empty()) return {};
  std::string command;
  const TextCheck check =
      check_object(line, kMostLevels, kAnyNumber, [&](std::string_view key, std::string_view value) {
        if (key != "cmd") return;
        command.clear();  // of two members of one name the last counts, as in JSON.parse
        if (kind_of(value) == '"') read_bytes(value, command);
      });
  if (check != TextCheck::good) return {Kind::rubbish};
  return {kind_of_command(command), line == R"("ready")"};
}

std::string node_message_of(std::string_view text) {
  const char kind = kind_of(text);
  const bool shaped = kind == '{' || kind == '[' || kind == '"';
  if (!shaped || check_json(text, kMostLevels, kAnyNumber) != TextCheck::good)
    return carry_bytes(text).dump();
  // Keeps the text as received, because a number may exceed a double; on one line, because a newline, which
  // can only be between values, would end the message.
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return out;
}

}  // namespace keeper
