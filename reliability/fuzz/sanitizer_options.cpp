// Memory comes back soon and stacks are short, so that more is tried in the same time.
extern "C" const char *__asan_default_options() {
  return "quarantine_size_mb=4:malloc_context_size=6:detect_stack_use_after_return=0";
}
