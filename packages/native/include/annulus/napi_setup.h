// The only header that includes <napi.h>; it sets the switches every addon shares.
#ifndef ANNULUS_NAPI_SETUP_H
#define ANNULUS_NAPI_SETUP_H

#define NODE_ADDON_API_DISABLE_DEPRECATED
#define NODE_ADDON_API_REQUIRE_BASIC_FINALIZERS
#define NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED
#define NAPI_CPP_EXCEPTIONS
// Any C++ exception that reaches a callback becomes a JavaScript error instead of ending the
// process.
#define NODE_ADDON_API_CPP_EXCEPTIONS_ALL
// An error that cannot be thrown because the worker thread is being terminated is dropped, not
// fatal.
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS

#include <napi.h>

#endif
