#include "protocol/wire/status.hpp"

#include "protocol/wire/spec.hpp"

namespace keeper {

std::string label(const Status& status) {
  return file_stem(status.name, status.instance.value_or(0));
}

}  // namespace keeper
