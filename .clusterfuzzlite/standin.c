/* In the place of libFuzzer where there is no clang: runs a target once on each file it is given. */
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What instrumented code calls, and nobody here listens to. */
#define HOOK(name, ...) void name(__VA_ARGS__) {}
HOOK(__sanitizer_cov_trace_cmp1, uint8_t a, uint8_t b)
HOOK(__sanitizer_cov_trace_cmp2, uint16_t a, uint16_t b)
HOOK(__sanitizer_cov_trace_cmp4, uint32_t a, uint32_t b)
HOOK(__sanitizer_cov_trace_cmp8, uint64_t a, uint64_t b)
HOOK(__sanitizer_cov_trace_const_cmp1, uint8_t a, uint8_t b)
HOOK(__sanitizer_cov_trace_const_cmp2, uint16_t a, uint16_t b)
HOOK(__sanitizer_cov_trace_const_cmp4, uint32_t a, uint32_t b)
HOOK(__sanitizer_cov_trace_const_cmp8, uint64_t a, uint64_t b)
HOOK(__sanitizer_cov_8bit_counters_init, uint8_t *begin, uint8_t *end)
HOOK(__sanitizer_cov_pcs_init, const uintptr_t *begin, const uintptr_t *end)
HOOK(__sanitizer_weak_hook_strcmp, void *pc, const char *a, const char *b, int result)

int main(int argc, char **argv) {
  static uint8_t data[1 << 24];
  for (int i = 1; i < argc; i++) {
    FILE *file = fopen(argv[i], "rb");
    if (file == NULL) {
      perror(argv[i]);
      return 2;
    }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
  }
  printf("%d inputs\n", argc - 1);
  return 0;
}
