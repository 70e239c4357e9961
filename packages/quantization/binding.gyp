{
  "includes": ["../native/annulus.gypi"],
  "targets": [
    {
      "target_name": "annulus_quantization",
      # Codes must be the same bytes whatever the CPU; and loops with a choice per element vectorize.
      "cflags_cc": ["-ffp-contract=off", "-fno-trapping-math"],
      "xcode_settings": { "OTHER_CPLUSPLUSFLAGS": ["-ffp-contract=off", "-fno-trapping-math"] },
      "sources": ["<!@(node -p \"require('fs').readdirSync('native').filter((f) => f.endsWith('.cpp')).map((f) => 'native/' + f).join(' ')\")"]
    }
  ]
}
