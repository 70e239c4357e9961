// The C function tables that addons hand each other inside type-tagged externals.
//
// The one subtle rule: whoever keeps a table beyond the JavaScript call that brought it calls
// `retain` before that call returns and `release` once afterwards; `self` is then valid in between,
// on every thread, even when JavaScript has dropped its handle. Tables are immutable, every
// function may be called from any thread, and no C++ exception leaves one. Fields are only ever
// appended.
#ifndef ANNULUS_ABI_H
#define ANNULUS_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ANNULUS_ABI_MAGIC 0x414e4c53u /* "ANLS" */
#define ANNULUS_ABI_VERSION 3u

/* Codes of `annulus_head.kind`. */
enum {
  ANNULUS_KIND_POOL = 1,
  ANNULUS_KIND_SCORER = 2,
  ANNULUS_KIND_READER = 3,
  ANNULUS_KIND_SOURCE = 4,
};

/* Distances rank: smaller is nearer for every metric. Names follow the TypeScript type `Metric`. */
enum {
  ANNULUS_METRIC_COSINE = 0,    /* -cos(a, b) */
  ANNULUS_METRIC_DOT = 1,       /* -dot(a, b) */
  ANNULUS_METRIC_EUCLIDEAN = 2, /* squared L2 */
  ANNULUS_METRIC_MANHATTAN = 3, /* L1 */
};

/* Outcome of an operation. Numbers are never reused. */
enum {
  ANNULUS_OK = 0,
  ANNULUS_ABORTED = 1, /* the caller's flag was raised */
  ANNULUS_IO = 2,      /* a read failed; `detail` is the errno, `slot` the vector */
  ANNULUS_CORRUPT = 3, /* a checksum did not match; `slot` is the vector */
  ANNULUS_CLOSED = 4,  /* the owner is closing */
  ANNULUS_OUT_OF_MEMORY = 5,
  ANNULUS_OUT_OF_RANGE = 6, /* a slot beyond what is stored; `slot` says which */
};

typedef struct annulus_head {
  uint32_t magic;       /* ANNULUS_ABI_MAGIC */
  uint32_t kind;        /* ANNULUS_KIND_* */
  uint32_t struct_size; /* sizeof the whole table as the producer was compiled */
  uint32_t abi;         /* ANNULUS_ABI_VERSION; must be equal */
} annulus_head;

/* Worker threads shared by all indexes of one database. */
typedef struct annulus_pool {
  annulus_head head;
  void *self;
  void (*retain)(void *self);
  void (*release)(void *self);
  uint32_t (*threads)(void *self);
  /* Runs `run(ctx, worker)` once on some worker: 0 <= worker < threads, up to twice that where
     `background` = 1. Such jobs give way to others, but for a small share of their turns. Never
     refused: once closed and idle, it runs on the calling thread. The caller holds a reference to
     the pool until the job has run.
   */
  void (*submit)(void *self, void (*run)(void *ctx, uint32_t worker), void *ctx,
                 int32_t background);
  /* Jobs of both kinds that wait or run at the moment. */
  uint32_t (*jobs)(void *self);
} annulus_pool;

/* Share of the pairs for which each side of a bound of `query_bounds` holds. */
#define ANNULUS_BOUND_CONFIDENCE 0.99

/* Probability that `sketch_keep` leaves out a slot that is nearer than the limit. */
#define ANNULUS_SKETCH_LOSS 3.2e-5

/* How far a true distance lies below its estimate at most, and how far above:
   estimate - below <= true <= estimate + above; infinite where unknown. */
typedef struct annulus_bound {
  float below;
  float above;
} annulus_bound;

/* Distances from codes in memory. A query computer (prepared query against slots) and a pair
   computer (slot against slots); both take batches, and prefetch on their own. Slots passed must be
   below `slots(self)`. */
typedef struct annulus_scorer {
  annulus_head head;
  void *self;
  void (*retain)(void *self);
  void (*release)(void *self);
  uint32_t dimension;
  uint32_t metric;               /* ANNULUS_METRIC_* */
  uint64_t query_bytes;          /* of a prepared query; the caller allocates it, 64-byte aligned */
  uint64_t (*slots)(void *self); /* one past the highest encoded slot (acquire) */
  void (*query_prepare)(void *self, const float *vector, void *query);
  void (*query_distances)(void *self, const void *query, const uint32_t *slots, size_t n,
                          float *out);
  void (*pair_distances)(void *self, uint32_t slot, const uint32_t *slots, size_t n, float *out);
  /* Optional (NULL if the code has none): bounds of the estimates in `distances`, each side of
     which holds for ANNULUS_BOUND_CONFIDENCE of the pairs. */
  void (*query_bounds)(void *self, const void *query, const uint32_t *slots, const float *distances,
                       size_t n, annulus_bound *out);
  /* Prepares the query as stored slot `slot` would be (used to insert a linked node). */
  void (*query_from_slot)(void *self, uint32_t slot, void *query);
  /* Optional hint: brings the codes of these slots towards the cache. */
  void (*prefetch)(void *self, const uint32_t *slots, size_t n);
  /* Optional (NULL where it would not pay), all of what follows or none of it: short sketches of
     codes, by which a scan passes over those too far away to matter. They are made as scans come
     by. A query for them takes `sketch_query_bytes`, 64-byte aligned, and is prepared from the
     vector. */
  uint64_t sketch_query_bytes;
  /* 0 when there are no sketches yet: `sketch_begin` is to be called before. */
  int32_t (*sketch_prepare)(void *self, const float *vector, void *query);
  /* With some slots that are spread over all that a scan looks at. Returns 0 where sketches cannot
     be had. */
  int32_t (*sketch_begin)(void *self, const uint32_t *slots, size_t n);
  /* Moves those of the slots to the front that may be as near as `limit`, and returns how many
     they are: farther ones stay among them, nearer ones are left out with a probability of at most
     ANNULUS_SKETCH_LOSS each. Those that have no sketch stay and are counted in `unknown`. */
  size_t (*sketch_keep)(void *self, const void *query, uint32_t *slots, size_t n, float limit,
                        size_t *unknown);
} annulus_scorer;

/* One batch of exact distances. The request and all it points to belong to the caller, who keeps
   them alive and untouched until `done` has been called, exactly once, on any thread, possibly
   before `score` returns. `done` must be quick and must not block. */
typedef struct annulus_score_request {
  const float *query; /* `dimension` floats */
  uint32_t metric;    /* ANNULUS_METRIC_* */
  const uint32_t *slots;
  size_t n;
  float *out;           /* n distances, in the order of `slots` */
  const int32_t *abort; /* may be NULL; non-zero means stop early */
  int32_t status;       /* set before `done`: ANNULUS_* */
  int32_t detail;       /* errno for ANNULUS_IO */
  uint64_t slot;        /* the slot a failure belongs to */
  void (*done)(struct annulus_score_request *request);
  void *ctx; /* the caller's */
} annulus_score_request;

/* Exact distances from the original vectors of a storage. */
typedef struct annulus_reader {
  annulus_head head;
  void *self;
  void (*retain)(void *self);
  void (*release)(void *self);
  uint32_t dimension;
  uint64_t (*slots)(void *self); /* one past the highest slot written */
  void (*score)(void *self, annulus_score_request *request);
} annulus_reader;

/* Where candidates come from: a graph, or a scan over codes. */
typedef struct annulus_candidate_request {
  const float *query;
  uint32_t k;              /* how many candidates are wanted */
  uint32_t ef;             /* beam width; a scan ignores it */
  const uint32_t *allowed; /* bitmap, bit s of word s/32; NULL allows all */
  uint64_t allowed_bits;
  const int32_t *abort;
  uint32_t worker;       /* the pool worker that runs this, for per-thread scratch */
  uint32_t *slots;       /* out: room for k, nearest first */
  float *distances;      /* out: room for k */
  annulus_bound *bounds; /* out: room for k, or NULL; filled where the scorer has bounds */
  uint32_t found;        /* out */
  int32_t status;        /* out: ANNULUS_* */
} annulus_candidate_request;

typedef struct annulus_source {
  annulus_head head;
  void *self;
  void (*retain)(void *self);
  void (*release)(void *self);
  uint32_t dimension;
  void (*candidates)(void *self, annulus_candidate_request *request);
} annulus_source;

#ifdef __cplusplus
}
#endif
#endif
