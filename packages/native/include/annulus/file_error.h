// The AnnulusError for a failed file operation of annulus/file.h.
#ifndef ANNULUS_FILE_ERROR_H
#define ANNULUS_FILE_ERROR_H

#include <annulus/addon.h>
#include <annulus/file_io.h>

namespace annulus {

inline Napi::Error file_error(Napi::Env env, const FileStatus &status) {
  Napi::Object details = Napi::Object::New(env);
  const char *code = "ANNULUS_IO";
  switch (status.code) {
    case FileError::aborted:
      code = "ANNULUS_ABORTED";
      break;
    case FileError::not_found:
      code = "ANNULUS_NOT_FOUND";
      break;
    case FileError::permission:
      code = "ANNULUS_PERMISSION";
      break;
    case FileError::busy:
      code = "ANNULUS_LOCKED";
      break;
    case FileError::corrupt:
      code = "ANNULUS_CORRUPT";
      break;
    case FileError::version:
      code = "ANNULUS_VERSION";
      break;
    case FileError::out_of_memory:
      code = "ANNULUS_OUT_OF_MEMORY";
      break;
    case FileError::unsupported:
      code = "ANNULUS_UNSUPPORTED";
      break;
    case FileError::none:
    case FileError::io:
      break;
  }
  if (status.error != 0) details.Set("errno", Napi::Number::New(env, status.error));
  return make_error(env, code, status.message, details);
}

}  // namespace annulus

#endif
