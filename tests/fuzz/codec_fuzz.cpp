// Any line can be decoded; what was understood is written as a line that is understood the same.
#include <cstdint>
#include <cstdlib>

#include "protocol/wire/codec.hpp"

using namespace keeper;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void requests(std::string_view line) {
  for (const Incoming& item : decode_requests(line).items) {
    if (auto* bad = std::get_if<BadRequest>(&item)) {
      require(bad->error.code != 0 && bool(decode_reply(error_text(bad->id, bad->error))));
      continue;
    }
    const Request& request = std::get<Request>(item);
    auto write = [](const auto& what) { return request_line(7, what); };
    std::string text = std::visit(write, request.what);
    Incoming again = decode_requests(text).items.at(0);
    require(std::visit(write, std::get<Request>(again).what) == text);
    require(bool(decode_reply(reply_text(request.id, Signalled{1}))));
  }
}

/// What is an R once is the same R when it was written and read again.
template <class R>
void record(std::string_view text) {
  auto first = read_as<R>(text);
  if (!first) return;
  std::string written = write_as(*first);
  auto second = read_as<R>(written);
  require(second && write_as(*second) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  requests(text);
  auto reply = decode_reply(text);
  std::string_view inner = reply && !reply->error ? std::string_view(reply->result) : text;
  record<Pong>(inner);
  record<Status>(inner);
  record<Spec>(inner);
  record<Signalled>(inner);
  record<LogLines>(inner);
  record<OpenRpc>(inner);
  record<RunHistory>(inner);
  if (auto event = decode_event(text)) record<AppEvent>(*event);
  return 0;
}
