{
  "includes": ["../native/annulus.gypi"],
  "targets": [
    {
      "target_name": "annulus_hnsw",
      "sources": ["<!@(node -p \"require('fs').readdirSync('native').filter((f) => f.endsWith('.cpp')).map((f) => 'native/' + f).join(' ')\")"]
    }
  ]
}
