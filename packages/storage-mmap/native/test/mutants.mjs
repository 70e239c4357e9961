// Broken variants of the reader, each of which the test on fake mappings must catch.
//
//   node scripts/mutants.mjs storage-mmap

/** All tests, and how a failing run says what is wrong. */
export const run = { args: [], says: /([\w.]+:\d+: not true: .*?)(?:, seed \d+)?$/m }

export const mutants = [
  {
    name: 'takes a damaged vector',
    file: 'scan.cpp',
    from: '} else if (!vector.intact) {',
    to: '} else if (false) {',
  },
  {
    name: 'takes a failing page for damage',
    file: 'scan.cpp',
    from: 'if (error != 0) {',
    to: 'if (false) {',
  },
  {
    name: 'scores before it verifies',
    file: 'annulus/mapped_vector.h',
    from: '    if (!vector->intact) return;\n',
    to: '    vector->intact = true;\n',
  },
  {
    name: 'reads one slot too far',
    file: 'scan.cpp',
    from: 'if (slot >= table_.slots())',
    to: 'if (slot > table_.slots())',
  },
  {
    name: 'ignores the abort flag',
    file: 'scan.cpp',
    from: 'if (batch.aborted()) status = ANNULUS_ABORTED;',
    to: '',
  },
  {
    name: 'goes on reading after a stop',
    file: 'scan.cpp',
    from: 'if (stopping_.load(std::memory_order_relaxed)) status = ANNULUS_CLOSED;',
    to: '',
  },
  {
    name: 'goes on reading after a failure',
    changes: [
      {
        file: 'scan.cpp',
        from: 'return error == 0 && vector.intact;',
        to: 'return true;',
      },
      {
        file: 'scan.cpp',
        from: 'if (batch.failed_before(index)) return false;',
        to: '',
      },
    ],
  },
  {
    name: 'reports the failure that was seen last',
    file: 'batch.h',
    from: 'if (index >= failed_at_.load(std::memory_order_relaxed)) return;',
    to: '',
  },
  {
    name: 'settles with parts under way',
    file: 'batch.h',
    from: 'return unfinished_.fetch_sub(vectors, std::memory_order_acq_rel) == vectors;',
    to: 'return unfinished_.fetch_sub(vectors, std::memory_order_acq_rel) >= vectors;',
  },
  {
    name: 'asks for vectors that are there',
    file: 'scan.cpp',
    from: 'if (ops_.resident(stored.bytes, size)) continue;',
    to: '',
  },
  {
    name: 'asks for one vector at a time',
    file: 'mmap_reader.cpp',
    from: 'kLookahead = 128;',
    to: 'kLookahead = 1;',
  },
  {
    name: 'asks although it should not',
    file: 'mmap_reader.cpp',
    from: 'options.prefetch ? kLookahead : 0',
    to: 'kLookahead',
  },
  {
    name: 'never notices that memory is cold',
    file: 'scan.cpp',
    from: '    progress.cold = true;\n',
    to: '',
  },
  {
    name: 'takes slow for cold',
    file: 'scan.cpp',
    from: '&& ops_.faulted()) {',
    to: ') {',
  },
  {
    name: 'never trusts memory again',
    file: 'scan.cpp',
    from: 'compare_exchange_strong(wary, wary - 1,',
    to: 'compare_exchange_strong(wary, wary,',
  },
  {
    name: 'waits for the disk on the thread that asks',
    file: 'scan.cpp',
    from: 'if (leave_when_cold) break;',
    to: '',
  },
  {
    name: 'reads on the event loop',
    file: 'mmap_reader.cpp',
    from: 'options_.event_loop != std::this_thread::get_id()',
    to: 'true',
  },
  {
    name: 'leaves its mappings behind',
    file: 'mmap_reader.cpp',
    from: 'ops_->unmap(segments_.base(i), layout().segment_bytes);',
    to: '',
  },
  {
    name: 'unmaps twice',
    file: 'mmap_reader.cpp',
    from: 'if (std::exchange(unmapped_, true)) return;',
    to: '',
  },
  {
    name: 'accepts reads after close',
    file: 'reader_threads.cpp',
    from: 'if (closed_) return false;',
    to: '',
  },
  {
    name: 'is closed while reads are under way',
    file: 'reader_threads.cpp',
    from: '|| batches_ > 0 || running_ > 0 ||',
    to: '||',
  },
  {
    name: 'does not wait for the report of closing',
    file: 'reader_threads.cpp',
    from: 'return batches_ == 0 && !reporting_;',
    to: 'return batches_ == 0;',
  },
  {
    name: 'starts more threads than it may',
    file: 'reader_threads.cpp',
    from: 'running_ < threads_max_ &&',
    to: '',
  },
  {
    name: 'starts one thread only',
    file: 'reader_threads.cpp',
    from: 'while (parts_ > idle_ && running_',
    to: 'while (running_ == 0 && running_',
  },
  {
    name: 'wakes nobody',
    file: 'reader_threads.cpp',
    from: 'for (size_t i = 0; i < wanted; ++i) ready_.notify_one();',
    to: '',
  },
  {
    name: 'publishes slots without a segment',
    file: 'segment_table.h',
    from: 'if (slots > capacity()) return false;',
    to: '',
  },
  {
    name: 'catches a SIGBUS of bytes that it does not guard',
    file: 'annulus/fault_guard.h',
    from: 'address >= guard->begin && address < guard->end',
    to: 'true',
  },
  {
    name: 'takes a SIGBUS that somebody sent for a fault',
    file: 'annulus/fault_guard.h',
    from: 'info->si_code > 0 && address >= guard->begin',
    to: 'address >= guard->begin',
  },
  {
    name: 'forgets the outer guard after a fault',
    file: 'annulus/fault_guard.h',
    from: 'current = guard.outer;\n    return false;',
    to: 'current = nullptr;\n    return false;',
  },
  {
    name: 'forgets the outer guard after success',
    file: 'annulus/fault_guard.h',
    from: 'current = guard.outer;\n  return true;',
    to: 'current = nullptr;\n  return true;',
  },
  {
    name: 'keeps a SIGBUS from the handler before',
    file: 'annulus/fault_guard.h',
    from: 'previous.sa_sigaction(number, info, context);',
    to: '',
  },
  {
    name: 'calls what is missing resident',
    file: 'annulus/map_ops.h',
    from: 'if ((seen[i] & 1) == 0) return false;',
    to: '',
  },
]
