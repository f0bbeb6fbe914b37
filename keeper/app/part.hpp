// Part: what the keeper may ask of a part of it. A part is one thing that a keeper does, with all that this
// needs. The keeper asks every part, in the order of its list; each member is optional. A part knows what its
// constructor was given, and no other part's insides.
#pragma once
#include "keeper/core/action.hpp"

namespace keeper {

class Part {
 public:
  virtual ~Part() = default;

  /// The machine has decided this; it is not recorded yet, so nobody outside may hear of it.
  virtual void announced(const action::Announce&) {}
  /// The same, once the state from which a successor goes on is written.
  virtual void published(const action::Announce&) {}
};

}  // namespace keeper
