// The only header that includes <napi.h>; it sets the switches every addon shares.
#ifndef ANNULUS_NAPI_SETUP_H
#define ANNULUS_NAPI_SETUP_H

#define NODE_ADDON_API_DISABLE_DEPRECATED
#define NODE_ADDON_API_REQUIRE_BASIC_FINALIZERS
#define NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED
#define NAPI_CPP_EXCEPTIONS

#include <napi.h>

#endif
