// The JavaScript error for a FileStatus.
#ifndef ANNULUS_FILE_ERRORS_H
#define ANNULUS_FILE_ERRORS_H

#include <annulus/addon.h>
#include <annulus/file_io.h>

namespace annulus {

inline const char *file_error_code(FileError error) {
  switch (error) {
    case FileError::none:
      break;
    case FileError::aborted:
      return "ANNULUS_ABORTED";
    case FileError::not_found:
      return "ANNULUS_NOT_FOUND";
    case FileError::permission:
      return "ANNULUS_PERMISSION";
    case FileError::busy:
      return "ANNULUS_LOCKED";
    case FileError::io:
      return "ANNULUS_IO";
    case FileError::corrupt:
      return "ANNULUS_CORRUPT";
    case FileError::version:
      return "ANNULUS_VERSION";
    case FileError::out_of_memory:
      return "ANNULUS_OUT_OF_MEMORY";
    case FileError::unsupported:
      return "ANNULUS_UNSUPPORTED";
  }
  return "ANNULUS_INTERNAL";
}

inline Napi::Error file_error(Napi::Env env, const FileStatus &status) {
  Napi::Object details = Napi::Object::New(env);
  if (status.error != 0) details.Set("errno", Napi::Number::New(env, status.error));
  return make_error(env, file_error_code(status.code), status.message, details);
}

}  // namespace annulus

#endif
