/* `bound_filter_portable` with AVX2, and its run-time detection: __builtin_cpu_supports needs a compiler runtime,
 * which is not linked. */
#include <cpuid.h>
#include <immintrin.h>

#define VECTORS (LANES / 8)

static int has_avx2(void) {
    uint32_t a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX)) return 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2);
}

static inline int32_t word_at(const int8_t *codes, int64_t word) {
    int32_t value;
    __builtin_memcpy(&value, codes + word * 4, sizeof value);
    return value;
}

/* Add the dot products of 4 factors of 8 items with those of one query. */
__attribute__((target("avx2"))) static inline __m256i step(__m256i sums, __m256i items, __m256i user) {
    __m256i pairs = _mm256_maddubs_epi16(items, user);
    return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

__attribute__((target("avx2"))) static inline uint32_t passed_bits(const uint8_t *block, const Search *search,
                                                                   const __m256i *sums) {
    const float *scale = (const float *)block, *bias = scale + LANES;
    __m256i offset = _mm256_set1_epi32(search->offset);
    uint32_t bits = 0;
    for (int v = 0; v < VECTORS; v++) {
        __m256 bound = _mm256_cvtepi32_ps(_mm256_sub_epi32(sums[v], offset));
        bound = _mm256_add_ps(_mm256_mul_ps(_mm256_set1_ps(search->scale), bound), _mm256_set1_ps(search->slack));
        bound = _mm256_add_ps(_mm256_mul_ps(_mm256_loadu_ps(scale + v * 8), bound), _mm256_loadu_ps(bias + v * 8));
        __m256 passed = _mm256_cmp_ps(bound, _mm256_set1_ps(search->floor), _CMP_NLT_UQ);
        bits |= (uint32_t)_mm256_movemask_ps(passed) << (v * 8);
    }
    return bits;
}

__attribute__((target("avx2"))) static void bound_filter_avx2(const uint8_t *block, int64_t words,
                                                              const Search *searches, int users,
                                                              uint32_t *passed) {
    const __m256i *codes = (const __m256i *)(block + LANES * 2 * sizeof(float));
    const int8_t *a = searches[0].codes, *b = searches[users - 1].codes;
    __m256i first[VECTORS] = {0}, second[VECTORS] = {0};
    if (users == 1) {
        for (int64_t w = 0; w < words; w++, codes += VECTORS) {
            __m256i user = _mm256_set1_epi32(word_at(a, w));
            for (int v = 0; v < VECTORS; v++) first[v] = step(first[v], _mm256_loadu_si256(codes + v), user);
        }
    } else {
        for (int64_t w = 0; w < words; w++, codes += VECTORS) {
            __m256i user = _mm256_set1_epi32(word_at(a, w)), other = _mm256_set1_epi32(word_at(b, w));
            for (int v = 0; v < VECTORS; v++) {
                __m256i items = _mm256_loadu_si256(codes + v);
                first[v] = step(first[v], items, user);
                second[v] = step(second[v], items, other);
            }
        }
        passed[1] = passed_bits(block, searches + 1, second);
    }
    passed[0] = passed_bits(block, searches, first);
}
