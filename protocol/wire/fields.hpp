// The fields of a message are declared in its struct, in the order of the documents: name, member, and a line
// of description for rpc.discover.
//
//   struct LogFile {
//     std::string path;
//     static void fields(auto&& v) { v("path", &LogFile::path, "absolute path"); }
//   };
#pragma once

namespace keeper {

/// A request without parameters.
struct NoFields {
  static void fields(auto&&) {}
};

template <class T>
concept HasFields = requires {
  T::fields([](auto&&...) {});
};

}  // namespace keeper
