// StatusBuilder: what an app is like now. Each part fills in what it knows.
#pragma once
#include <string>

#include "keeper/app/app.hpp"
#include "keeper/app/part.hpp"
#include "keeper/app/status_source.hpp"
#include "keeper/watch/sampler.hpp"

namespace keeper {

class Runs;

class StatusBuilder : public StatusSource, public Part {
 public:
  StatusBuilder(App& app, Runs& runs, const std::vector<Part*>& parts)
      : app_(app), runs_(runs), parts_(parts) {}

  Status status() override;
  /// Returns the status with memory and CPU of the program.
  Status status_with_usage();
  std::string stuck_text() const override;
  /// Closes what measures the last run: the next spawn may need the descriptors.
  void forget_usage() { sampler_ = Sampler(); }

 private:
  void describe_last_end(Status& status) const;
  void describe_reason(Status& status) const;

  App& app_;
  Runs& runs_;
  const std::vector<Part*>& parts_;
  Sampler sampler_;
};

}  // namespace keeper
