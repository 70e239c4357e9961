{
  "variables": {
    "napi_include%": "<!(node -p \"require('node-addon-api').include_dir\")",
    "annulus_include%": "<!(node -p \"require('path').join(require('path').dirname(require.resolve('@annulus/native/package.json')), 'include')\")",
    "sanitize%": ""
  },
  "target_defaults": {
    "include_dirs": ["<(napi_include)", "<(annulus_include)", "native"],
    "cflags": ["-Wall", "-Wextra", "-fvisibility=hidden"],
    "cflags!": ["-fno-exceptions"],
    "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["-std=c++17", "-fvisibility=hidden", "-O3", "-fno-math-errno"],
    "ldflags": ["-Wl,-z,nodelete"],
    "defines": ["NAPI_VERSION=8"],
    "xcode_settings": {
      "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
      "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
      "MACOSX_DEPLOYMENT_TARGET": "11.0",
      "GCC_SYMBOLS_PRIVATE_EXTERN": "YES"
    },
    "msvs_settings": { "VCCLCompilerTool": { "ExceptionHandling": 1, "AdditionalOptions": ["/std:c++17"] } },
    "conditions": [
      ["sanitize!=''", { "cflags_cc": ["-fsanitize=<(sanitize)", "-g", "-O1"], "ldflags": ["-fsanitize=<(sanitize)"] }]
    ]
  }
}
