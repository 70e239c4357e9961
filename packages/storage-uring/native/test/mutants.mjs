// Broken variants of the engine, each of which the test on the fake kernel must catch.
//
//   node scripts/mutants.mjs storage-uring

/** Seeds 1 to 150, and how a failing run says what is wrong. */
export const run = { args: ['1', '150'], says: /^(?:broken rule|failed): (.*)$/m }

export const mutants = [
  {
    name: 'takes a short read for a whole one',
    file: 'ring_completion.cpp',
    from: 'if (read.filled >= read.needed)',
    to: 'if (read.filled > 0)',
  },
  {
    name: 'resumes a direct read in the middle of a sector',
    file: 'ring_completion.cpp',
    from: 'read.filled -= read.filled % state_.segments.alignment();',
    to: '',
  },
  {
    name: 'resumes at the wrong place',
    file: 'ring_loop.cpp',
    from: 'read.begin + read.filled, number}',
    to: 'read.begin, number}',
  },
  {
    name: 'takes EAGAIN of a read for a failure',
    file: 'ring_completion.cpp',
    from: 'if (passing(-completion.result)) return resume(number, false);',
    to: '',
  },
  {
    name: 'does not retry an interrupted enter',
    file: 'ring_queue.cpp',
    from: 'if (error == EINTR || *waited) return true;',
    to: 'if (error == EINTR) return false;\n  if (*waited) return true;',
  },
  {
    name: 'ends a request with parts in flight',
    file: 'ring_completion.cpp',
    from: 'if (request.queued || request.outstanding > 0) return;',
    to: 'if (request.queued || (request.outstanding > 0 && request.status == ANNULUS_OK)) return;',
  },
  {
    name: 'ends a request twice',
    file: 'ring_completion.cpp',
    from: 'if (request.queued || request.outstanding > 0) return;',
    to: 'if (request.outstanding > 0) return;',
  },
  {
    name: 'gives a buffer up too early',
    file: 'ring_completion.cpp',
    from: 'if (!wanted) return deliver(number);',
    to: 'reads_->release(number);',
  },
  {
    name: 'ignores the overflow flag',
    changes: [
      {
        file: 'ring_queue.cpp',
        from: 'const int result = ring_->enter(wait ? 1 : 0, true);',
        to: 'const int result = ring_->enter(wait ? 1 : 0, false);',
      },
      {
        file: 'ring.cpp',
        from: 'get_events || min_complete > 0 ? kEnterGetEvents : 0',
        to: '0 * (get_events + min_complete)',
      },
    ],
  },
  {
    name: 'loses what was submitted in part',
    changes: [
      {
        file: 'ring.cpp',
        from: 'return sq_next_ - __atomic_load_n(sq_head_, __ATOMIC_ACQUIRE);',
        to: 'return submitted_all_ ? 0 : sq_next_ - __atomic_load_n(sq_head_, __ATOMIC_ACQUIRE);',
      },
      {
        file: 'ring.h',
        from: 'int fd_ = -1;',
        to: 'int fd_ = -1;\n  bool submitted_all_ = false;',
      },
      {
        file: 'ring.cpp',
        from: 'const uint32_t flags = get_events',
        to: 'struct Mark { bool &flag; ~Mark() { flag = true; } } mark{submitted_all_};\n  const uint32_t flags = get_events',
      },
    ],
  },
  {
    name: 'does not check the checksum',
    file: 'ring_completion.cpp',
    from: 'if (!is_intact(part.slot, bytes, layout.vector_bytes, checksum)) return false;',
    to: 'if (checksum == 0 && !is_intact(part.slot, bytes, layout.vector_bytes, 0)) return false;',
  },
  {
    name: 'fails every part of a merged read',
    file: 'ring_completion.cpp',
    from: 'if (split(number)) return;',
    to: '',
  },
  {
    name: 'lets others join a read that was split',
    file: 'ring_completion.cpp',
    from: 'reads_->withdraw(number);',
    to: '',
  },
  {
    name: 'joins a read that is over',
    file: 'reads.cpp',
    from: 'reads_[entry.read].generation == entry.generation',
    to: 'true',
  },
  {
    name: 'merges across segments',
    file: 'read_plan.h',
    from: 'next.segment != range->segment || next.begin < range->begin',
    to: 'next.begin < range->begin',
  },
  {
    name: 'reports damage while a slot is being rewritten',
    file: 'ring_completion.cpp',
    from: 'state_.rewrites.may_cover(read.rewrites, current.slot)',
    to: 'false',
  },
  {
    name: 'forgets all but the first of the slots that are rewritten',
    file: 'rewrites.h',
    from: 'for (size_t i = 0; i < n; ++i)',
    to: 'for (size_t i = 0; i < 1; ++i)',
  },
  {
    name: 'keeps a hot vector that was read before it was rewritten',
    file: 'hot_vectors.cpp',
    from: 'if (rewrites % 2 != 0 || rewrites_.count() != rewrites) return;',
    to: '',
  },
  {
    name: 'finds a hot vector after it was rewritten',
    file: 'hot_vectors.cpp',
    from: 'tags_[place].used = false;',
    to: ';',
  },
  {
    name: 'lets a hot vector go that is wanted',
    file: 'hot_vectors.h',
    from: 'tags_[place].wanted = true;',
    to: '',
  },
  {
    name: 'takes what lies at a failing page of the mapping',
    file: 'cache_pass.cpp',
    from: 'error != 0 || !vector.intact',
    to: 'error == 0 && !vector.intact',
  },
  {
    name: 'takes a damaged mapped vector',
    file: 'cache_pass.cpp',
    from: 'error != 0 || !vector.intact',
    to: 'error != 0',
  },
  {
    name: 'gives the cache up before it can fill',
    file: 'cache_fill.cpp',
    from: 'windows_ > kFillingWindows && ',
    to: '',
  },
  {
    name: 'changes what the user chose',
    file: 'cache_fill.cpp',
    from: 'if (fixed_) return;\n  std',
    to: 'std',
  },
  {
    name: 'reads more ahead than searches ask for',
    file: 'cache_fill.cpp',
    from: 'earned - kChunkBytes, std',
    to: 'earned, std',
  },
  {
    name: 'reads as much ahead on a busy disk',
    file: 'cache_fill.cpp',
    from: 'busy ? bytes / kBusyDivisor : bytes',
    to: 'busy ? bytes : bytes',
  },
  {
    name: 'saves up what may be read ahead',
    file: 'cache_fill.cpp',
    from: 'if (earned_.load(std::memory_order_relaxed) >= kEarnedMax) return;',
    to: '',
  },
  {
    name: 'reads ahead past the end of a segment',
    file: 'cache_pass.cpp',
    from: 'std::min(end - begin, CacheFill::kChunkBytes)',
    to: 'layout.segment_bytes',
  },
  {
    name: 'misses requests that come as it falls asleep',
    file: 'ring_loop.cpp',
    from: '&& state_.inbox.empty()) return true;',
    to: ') return true;',
  },
  {
    name: 'asks for long slices instead of short ones',
    file: 'scheduling.h',
    from: "kSliceNs = 100'000;",
    to: "kSliceNs = 100'000'000;",
  },
  {
    name: 'loses its niceness for short slices',
    file: 'scheduling.h',
    from: 'scheduling.slice_ns = kSliceNs;',
    to: 'scheduling.slice_ns = kSliceNs;\n  scheduling.nice = 0;',
  },
  {
    name: 'ignores the abort flag',
    file: 'ring_completion.cpp',
    from: '__atomic_load_n(request.abort, __ATOMIC_RELAXED) != 0',
    to: 'request.abort == request.ctx',
    // An abort that comes too late is allowed, so this one is told by what never happened.
  },
]
