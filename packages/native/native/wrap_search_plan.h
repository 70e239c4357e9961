// How searches come from JavaScript: sources, reader and options, the same for all kinds of them.
#pragma once

#include <annulus/napi_setup.h>

#include <memory>
#include <vector>

#include "search.h"

namespace annulus {

/// Number of arguments that say how to search.
constexpr size_t kPlanArguments = 10;

/// A plan, and the bitmaps that it points into, which whoever searches keeps alive.
struct GivenPlan {
  std::shared_ptr<const SearchPlan> plan;
  std::vector<Napi::Object> bitmaps;
};

/// From the first arguments: pool, [source, allowed?, source, allowed?, ...], reader?, metric,
/// limit, candidates, ef, rescore, loss, background.
GivenPlan plan_from(const Napi::CallbackInfo &info);

uint32_t count_from(const Napi::Value &value, const char *what, uint32_t least, uint32_t most);
Rescore rescore_from(const Napi::Value &value);
double loss_from(const Napi::Value &value);

}  // namespace annulus
