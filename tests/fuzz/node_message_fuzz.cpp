// Whatever a program writes into its channel is one kind of message, and what a user wants sent is one line
// of JSON that no node takes for its own.
#include <cstdint>
#include <cstdlib>

#include "keeper/node/cluster.hpp"
#include "keeper/node/message.hpp"
#include "protocol/json/reader.hpp"

using namespace keeper;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  using Kind = NodeMessage::Kind;
  const NodeMessage message = read_node_message(text);
  const bool json = check_json(text, 1 << 16, 1 << 16) == TextCheck::good;
  require((message.kind == Kind::rubbish) == (!json && !text.empty()) || size > kMostMessage);
  require(!message.is_nodes_own() || text.find('{') != std::string_view::npos);
  require(!message.ready || text == "\"ready\"");
  if (json)
    if (auto worker = read_worker_message(text)) {
      for (const std::string& answer :
           {socket_answer(*worker, worker->data), refusal(*worker, 98), acknowledgement(*worker)})
        require(read_node_message(answer).is_nodes_own());
    }
  const std::string sent = node_message_of(text);
  require(sent.find('\n') == std::string::npos);
  require(check_json(sent, 1 << 20, 1 << 20) == TextCheck::good);
  return 0;
}
