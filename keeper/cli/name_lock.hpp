// Taking a name: its lock, and what stands in the way of it.
#pragma once
#include <vector>

#include "protocol/base/fd.hpp"
#include "protocol/store/home.hpp"

namespace keeper {

struct Claim {
  AppId id;
  Fd lock;
  bool fresh = true;            ///< there was no record
  std::optional<int> adopts{};  ///< the pid of its program, which lives on though its keeper was killed
  int left_by = 0;              ///< pid of that keeper by the state page; 0: the page is of no use
};

/// Takes one name. `wanted`: the spec that it is to be kept by, where its own record may not do. Errors:
/// already (kept by another, or its program runs on and no keeper can go on with it; says who).
Result<Claim> claim(const Home& home, const AppId& id, Millis wait, const Spec* wanted = nullptr);

/// Takes the names of all instances, and writes the name into the spec. `named`: it was given with -n, and is
/// taken or is an error. Without that, a name that is kept, or that another program had, leads to the next
/// one: NAME-2, NAME-3.
Result<std::vector<Claim>> claim_all(const Home& home, Spec& spec, bool named);

}  // namespace keeper
