/* `bound_filter_portable` with AVX-512 VNNI, whose one instruction multiplies and adds 64 codes, and its detection. */
#include <cpuid.h>
#include <immintrin.h>

#define VNNI __attribute__((target("avx512f,avx512vl,avx512bw,avx512vnni")))
#define VNNI_USERS MAX_USERS

static int has_avx512_vnni(void) {
    uint32_t a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 0xe6) != 0xe6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    uint32_t needed = bit_AVX512F | bit_AVX512BW | bit_AVX512VL;
    return (b & needed) == needed && (c & bit_AVX512VNNI);
}

VNNI static inline uint32_t passed_bits_vnni(const uint8_t *block, const Search *search, const __m512i *sums) {
    const float *scale = (const float *)block, *bias = scale + LANES;
    __m512i offset = _mm512_set1_epi32(search->offset);
    __m512 user_scale = _mm512_set1_ps(search->scale), slack = _mm512_set1_ps(search->slack);
    uint32_t bits = 0;
    for (int v = 0; v < 2; v++) {
        __m512 bound = _mm512_cvtepi32_ps(_mm512_sub_epi32(sums[v], offset));
        bound = _mm512_add_ps(_mm512_mul_ps(user_scale, bound), slack);
        bound = _mm512_add_ps(_mm512_mul_ps(_mm512_loadu_ps(scale + v * 16), bound), _mm512_loadu_ps(bias + v * 16));
        bits |= (uint32_t)_mm512_cmp_ps_mask(bound, _mm512_set1_ps(search->floor), _CMP_NLT_UQ) << (v * 16);
    }
    return bits;
}

/* `users` is a constant of the caller, so that the sums stay in registers. */
VNNI __attribute__((always_inline)) static inline void filter_vnni(const uint8_t *block, int64_t words,
                                                                   const Search *searches, const int users,
                                                                   uint32_t *passed) {
    const __m512i *codes = (const __m512i *)(block + LANES * 2 * sizeof(float));
    __m512i sums[VNNI_USERS][2];
    for (int u = 0; u < users; u++) sums[u][0] = sums[u][1] = _mm512_setzero_si512();
    for (int64_t w = 0; w < words; w++, codes += 2) {
        __m512i low = _mm512_loadu_si512(codes), high = _mm512_loadu_si512(codes + 1);
        for (int u = 0; u < users; u++) {
            int32_t word;
            __builtin_memcpy(&word, searches[u].codes + w * 4, sizeof word);
            __m512i user = _mm512_set1_epi32(word);
            sums[u][0] = _mm512_dpbusd_epi32(sums[u][0], low, user);
            sums[u][1] = _mm512_dpbusd_epi32(sums[u][1], high, user);
        }
    }
    for (int u = 0; u < users; u++) passed[u] = passed_bits_vnni(block, searches + u, sums[u]);
}

VNNI static void bound_filter_avx512(const uint8_t *block, int64_t words, const Search *searches, int users,
                                     uint32_t *passed) {
    if (users == VNNI_USERS) {
        filter_vnni(block, words, searches, VNNI_USERS, passed);
        return;
    }
    for (; users >= 2; users -= 2, searches += 2, passed += 2) filter_vnni(block, words, searches, 2, passed);
    if (users) filter_vnni(block, words, searches, 1, passed);
}
