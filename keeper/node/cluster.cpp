#include "keeper/node/cluster.hpp"

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "protocol/json/reader.hpp"

namespace keeper {
namespace {

constexpr std::size_t kMostData = 4096;
constexpr std::int64_t kOnlyV6 = 1;        // UV_TCP_IPV6ONLY, UV_UDP_IPV6ONLY
constexpr std::int64_t kReuseAddress = 4;  // UV_UDP_REUSEADDR

/// The members of the message as received.
struct Pieces {
  std::string_view act, seq, key, address, port, type, fd, index, flags, backlog, data;
};

Pieces cut(std::string_view line) {
  Pieces out;
  for_each_member(line, [&](std::string_view key, std::string_view value) {
    auto take = [&](const char* name, std::string_view& into) {
      if (key == name) into = value;
    };
    take("act", out.act), take("seq", out.seq), take("key", out.key), take("address", out.address),
        take("port", out.port);
    take("addressType", out.type), take("fd", out.fd), take("index", out.index), take("flags", out.flags);
    take("backlog", out.backlog), take("data", out.data);
  });
  return out;
}

std::int64_t number_in(std::string_view piece, std::int64_t otherwise) {
  const Json json = piece.empty() ? Json() : tree_of(piece);
  return json.is_number_integer() ? json.get<std::int64_t>() : otherwise;
}

std::string text_in(std::string_view piece) {
  std::string out;
  return kind_of(piece) == '"' && read_bytes(piece, out) ? out : "";
}

/// For datagrams node passes on the program's own value, which may be a number as text; a missing value is 0.
std::string port_piece(const Pieces& pieces) {
  const bool datagrams = text_in(pieces.type).starts_with("udp");
  const std::string text = text_in(pieces.port);
  if (!datagrams) return std::string(pieces.port);
  if (pieces.port.empty() || pieces.port == "null" || pieces.port == "\"\"") return "0";
  const bool digits = !text.empty() && text.size() <= 18 &&
                      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits ? std::to_string(std::stoll(text)) : std::string(pieces.port);
}

bool is_port(std::int64_t number) {
  return number >= 0 && number <= 65535;
}

/// Returns false if it is invalid.
bool read_wish(const Pieces& pieces, SocketWish& wish) {
  using Kind = SocketWish::Kind;
  const std::string type = text_in(pieces.type);
  const std::int64_t port = number_in(port_piece(pieces), -1), flags = number_in(pieces.flags, 0);
  wish.address = text_in(pieces.address);
  wish.number = number_in(pieces.fd, -1) >= 0 ? static_cast<int>(number_in(pieces.fd, -1)) : -1;
  wish.v6 = type == "udp6" || number_in(pieces.type, 0) == 6;
  wish.only_v6 = (flags & kOnlyV6) != 0;
  const std::int64_t backlog = number_in(pieces.backlog, 0);
  if (backlog > 0 && backlog < 1 << 30) wish.backlog = static_cast<int>(backlog);
  if (type == "udp4" || type == "udp6") {
    wish.kind = Kind::udp;
    wish.reuse_address = (flags & kReuseAddress) != 0;
  } else {
    wish.kind = port < 0 && wish.number < 0 ? Kind::local : Kind::tcp;
  }
  if (wish.kind == Kind::local) return !wish.address.empty();
  if (wish.number < 0 && !is_port(port)) return false;
  wish.port = static_cast<std::uint16_t>(is_port(port) ? port : 0);
  return true;
}

/// Makes the key as node's primary does.
std::string key_of(const Pieces& pieces) {
  std::string out;
  const std::string port = port_piece(pieces);
  for (std::string_view piece :
       {pieces.address, std::string_view(port), pieces.type, pieces.fd, pieces.index})
    out += (out.empty() ? "" : ":") + (piece.empty() ? "undefined" : std::string(piece));
  return out;
}

WorkerMessage::Act act_of(std::string_view word) {
  using Act = WorkerMessage::Act;
  if (word == "queryServer") return Act::query;
  if (word == "close") return Act::closes;
  if (word == "leaves") return Act::leaves;
  if (word == "exitedAfterDisconnect") return Act::exits;
  return word == "online" || word == "listening" || word.empty() ? Act::other : Act::refused;
}

std::string answer_to(const WorkerMessage& query, Json more) {
  Json out = {{"cmd", "NODE_CLUSTER"}, {"ack", query.seq}, {"key", query.key}};
  out.update(more);
  return out.dump();
}

}  // namespace

std::optional<WorkerMessage> read_worker_message(std::string_view line) {
  const Pieces pieces = cut(line);
  WorkerMessage out;
  const std::int64_t seq = number_in(pieces.seq, -1);
  if (seq < 0) return std::nullopt;
  out.seq = static_cast<std::uint64_t>(seq);
  const std::string act = text_in(pieces.act);
  using Act = WorkerMessage::Act;
  out.act = act_of(act);
  if (out.act == Act::closes) out.key = text_in(pieces.key);
  if (out.act == Act::refused) out.error = ENOSYS;
  if (out.act != Act::query) return out;
  out.key = key_of(pieces);
  out.data = pieces.data.empty() || pieces.data.size() > kMostData ? "null" : std::string(pieces.data);
  if (!read_wish(pieces, out.wish)) out.act = Act::refused, out.error = EINVAL;
  return out;
}

std::string socket_answer(const WorkerMessage& query, std::string_view data) {
  const Json given = data.empty() ? Json() : tree_of(data);
  const bool udp = query.wish.kind == SocketWish::Kind::udp;
  return R"({"cmd":"NODE_HANDLE","type":")" + std::string(udp ? "dgram.Native" : "net.Native") +
         R"(","msg":)" + answer_to(query, {{"data", given.is_discarded() ? Json() : given}}) + "}";
}

std::string refusal(const WorkerMessage& query, int error) {
  return answer_to(query, {{"errno", -error}, {"data", nullptr}});
}

std::string acknowledgement(const WorkerMessage& message) {
  return Json({{"cmd", "NODE_CLUSTER"}, {"ack", message.seq}}).dump();
}

}  // namespace keeper
