// new PreparedSearch(...plan): searches of one kind, of which each crosses into native code with
// its query only, and comes back together with all that ended meanwhile.
#pragma once

#include <annulus/napi_setup.h>

#include <memory>

#include "wrap_polling.h"

namespace annulus {

/// `PreparedSearch`, and `onFound`, which takes what is called with results.
void export_prepared_search(Napi::Env env, Napi::Object exports,
                            std::shared_ptr<LoopPolling> polling);

}  // namespace annulus
