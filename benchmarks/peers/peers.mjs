// Which peers are measured, each with the settings tried; every one at m 16, efConstruct 200.
const beams = [12, 16, 24, 32, 48, 64, 96, 128]
const plain = beams.map((ef) => ({ ef }))
const refined = beams.map((ef) => ({ ef, refine: true }))

export const peers = {
  'annulus-mmap': async () =>
    (await import('./adapters/annulus.mjs')).annulusPeer(
      'mmap',
      [1, 2].flatMap((oversampling) => beams.map((ef) => ({ ef, oversampling }))),
    ),
  'annulus-uring': async () =>
    (await import('./adapters/annulus.mjs')).annulusPeer(
      'io_uring',
      [1, 2].flatMap((oversampling) => beams.map((ef) => ({ ef, oversampling }))),
    ),
  'zvec-hnsw': async () => (await import('./adapters/zvec.mjs')).zvecPeer('hnsw', plain),
  'zvec-int8': async () =>
    (await import('./adapters/zvec.mjs')).zvecPeer('hnsw_int8', [...plain, ...refined]),
  'zvec-rabitq': async () =>
    (await import('./adapters/zvec.mjs')).zvecPeer('hnsw_rabitq', [...plain, ...refined]),
  'zvec-diskann': async () => (await import('./adapters/zvec.mjs')).zvecPeer('diskann', plain),
  vectorlite: async () => (await import('./adapters/vectorlite.mjs')).vectorlitePeer(plain),
  'hnswlib-node': async () => (await import('./adapters/hnswlib.mjs')).hnswlibPeer(plain),
  'usearch-f32': async () => (await import('./adapters/usearch.mjs')).usearchPeer('f32', plain),
  'usearch-i8': async () => (await import('./adapters/usearch.mjs')).usearchPeer('i8', plain),
  // It refuses an ef below the number of candidates, twice the limit where it refines.
  lancedb: async () =>
    (await import('./adapters/lancedb.mjs')).lancedbPeer([
      ...plain,
      ...refined.filter(({ ef }) => ef >= 20),
    ]),
}
