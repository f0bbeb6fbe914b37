// Our check of a JSON text says what the JSON library says, and the pieces of a good text are those of its
// tree.
#include "protocol/json/reader.hpp"

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

using namespace keeper;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// The library refuses numbers that no double holds, and passes over a byte order mark; JSON has the first,
/// not the other.
bool differs_by_design(std::string_view text, const Json& tree) {
  bool mark = text.substr(0, 3) == "\xEF\xBB\xBF";
  bool huge = tree.is_discarded() && text.find_first_of("0123456789") != std::string_view::npos;
  return mark || huge;
}

/// Every piece is the text of the value that the tree has in its place.
void compare(std::string_view text, const Json& tree) {
  auto items = array_items(text);
  require(items.size() == (tree.is_array() ? tree.size() : 0));
  for (std::size_t i = 0; i < items.size(); ++i)
    compare(items[i], tree[i]);
  Json object = Json::object();
  for_each_member(
      text, [&](std::string_view key, std::string_view value) { object[std::string(key)] = tree_of(value); });
  if (tree.is_object()) require(object == tree);
  Json again = Json::object();
  require(check_object(text, 64, 1000, [&](std::string_view key, std::string_view value) {
            again[std::string(key)] = tree_of(value);
          }) == TextCheck::good);
  require(again == object);
  if (tree.is_primitive()) require(tree_of(text) == tree);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  TextCheck check = check_json(text, 64, 1000);
  for_each_member(text, [](std::string_view, std::string_view) {});  // safe on any bytes
  array_items(text);
  if (check == TextCheck::too_much) return 0;
  Json tree = tree_of(text);
  if (!differs_by_design(text, tree)) require((check == TextCheck::good) == !tree.is_discarded());
  if (check == TextCheck::good && !tree.is_discarded()) compare(text, tree);
  std::string bytes;
  require(read_bytes(carry_bytes(text), bytes) && bytes == text);
  return 0;
}
