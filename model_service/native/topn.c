/* Exact top-n maximum inner product search, b_i + p . q_i, for a batch of queries, with an int8 upper-bound filter.
 *
 * The item factors are quantised once to int8, a quarter of their bytes. One pass over the quantised items yields an
 * upper bound of each score; only items whose bound reaches the n-th best score so far are rescored, in float64 from
 * the full-precision factors, terms added from left to right. The result equals that of scoring every item exactly.
 * The bounds come from integer sums, so the set of rescored items is the same on every processor.
 *
 * Layout: a block holds LANES items: their scales s_i and biases b_i (float), then for every 4 factors the codes of
 * all items, 4 bytes per item: code + 128, where q_i = s_i code + e_i, |code| <= 127.
 */
#include <stdint.h>

#define LANES 32
#define ITEM_LEVELS 127 /* item codes are -127..127, stored +128 */
#define USER_LEVELS 64  /* 2 * 255 * 64 fits into the int16 pair sums of AVX2 maddubs */
#define SMALLEST_SCALE 1e-30f
#define ROUNDING 0x1p-20 /* 16 float roundings: an upper limit for those between the codes and the bound */
#define MAX_USERS 8
#define CACHE_LINE_FLOATS 16
#define AT_ONCE 4 /* items scored side by side: the additions of one wait for each other */
#define EXPORT __attribute__((visibility("default")))

/* Error bounds over all quantised items: maxima of |e_i| / s_i, of the norm of the codes, and of s_i. */
typedef struct {
    double residual, norm, scale;
} Bounds;

/* A query and its result: a min-heap of the n best items, sorted at the end. */
typedef struct {
    const float *vector;    /* (k,) */
    const int32_t *exclude; /* (n_exclude,) increasing item rows */
    const uint8_t *mask;    /* (items,) 1 for the candidate items, or NULL for all */
    double *scores;         /* (n,) out */
    int32_t *rows;          /* (n,) out, best first */
    int64_t n_exclude, n, found;
} Query;

/* State of a query during the scan; waiting: rows that passed the filter and are not scored yet, increasing. */
typedef struct {
    Query query;
    const int8_t *codes; /* (words * 4,) */
    float scale, slack, floor;
    int32_t offset, n_waiting, waiting[AT_ONCE];
} Search;

/* Parameters of a query besides its vector and excluded rows; native.py packs the same layout. */
typedef struct {
    int64_t n_exclude, n;
    const uint8_t *mask;
} QueryParams;

/* Sets one bit for each item of a block that may be among the best, for up to MAX_USERS searches. */
typedef void (*BoundFilter)(const uint8_t *block, int64_t words, const Search *searches, int users, uint32_t *passed);

static int64_t words_of(int64_t k) { return (k + 3) / 4; }

EXPORT int32_t topn_abi(void) { return 3; }

EXPORT int64_t topn_block_bytes(int64_t k) { return LANES * (2 * (int64_t)sizeof(float) + 4 * words_of(k)); }

static double max(double a, double b) { return a > b ? a : b; }

/* Round |x| < 2^22 to the nearest integer. */
static float round_to_int(float x) { return (x + 0x1.8p23f) - 0x1.8p23f; }

/* Quantise `row` (k,) to codes, |code| <= levels, at `out`, 4 codes every `stride` bytes; returns the scale, and the
 * norms of the quantisation error and of the codes. */
static float quantise(const float *row, int64_t k, int levels, int add, uint8_t *out, int64_t stride,
                      double *residual_norm, double *code_norm) {
    float largest = 0.0f;
    for (int64_t f = 0; f < k; f++) largest = __builtin_fabsf(row[f]) > largest ? __builtin_fabsf(row[f]) : largest;
    float scale = largest / (float)levels;
    if (scale < SMALLEST_SCALE) scale = SMALLEST_SCALE;
    double residual = 0.0, norm = 0.0;
    for (int64_t f = 0; f < k; f++) {
        float code = round_to_int(row[f] / scale);
        double rest = (double)row[f] - (double)scale * code;
        residual += rest * rest;
        norm += (double)code * code;
        out[f / 4 * stride + f % 4] = (uint8_t)((int)code + add);
    }
    for (int64_t f = k; f < words_of(k) * 4; f++) out[f / 4 * stride + f % 4] = (uint8_t)add;
    *residual_norm = __builtin_sqrt(residual);
    *code_norm = __builtin_sqrt(norm);
    return scale;
}

/* Quantise `factors` (items, k) and `bias` (items,) into `packed`, a whole number of blocks; updates `bounds`. */
EXPORT void topn_pack(const float *factors, const float *bias, int64_t items, int64_t k, uint8_t *packed,
                      Bounds *bounds) {
    int64_t bytes = topn_block_bytes(k);
    for (int64_t row = 0; row < items; row++) {
        uint8_t *block = packed + row / LANES * bytes;
        int64_t lane = row % LANES;
        double residual_norm, code_norm;
        float scale = quantise(factors + row * k, k, ITEM_LEVELS, 128, block + LANES * 2 * sizeof(float) + lane * 4,
                               LANES * 4, &residual_norm, &code_norm);
        ((float *)block)[lane] = scale;
        ((float *)block)[LANES + lane] = bias[row];
        bounds->residual = max(bounds->residual, residual_norm / scale);
        bounds->norm = max(bounds->norm, code_norm);
        bounds->scale = max(bounds->scale, scale);
    }
}

/* One bit per item of a block: its bound b_i + s_i (scale * sum + slack) is not below the floor. */
static void bound_filter_portable(const uint8_t *block, int64_t words, const Search *searches, int users,
                                  uint32_t *passed) {
    const float *scale = (const float *)block, *bias = scale + LANES;
    const uint8_t *codes = block + LANES * 2 * sizeof(float);
    for (int u = 0; u < users; u++) {
        const Search *search = searches + u;
        int32_t sums[LANES] = {0};
        for (int64_t w = 0; w < words; w++) {
            const int8_t *user = search->codes + w * 4;
            const uint8_t *word = codes + w * LANES * 4;
            for (int lane = 0; lane < LANES; lane++)
                for (int f = 0; f < 4; f++) sums[lane] += (int32_t)word[lane * 4 + f] * user[f];
        }
        uint32_t bits = 0;
        for (int lane = 0; lane < LANES; lane++) {
            float bound = search->scale * (float)(sums[lane] - search->offset) + search->slack;
            bits |= (uint32_t) !(bias[lane] + scale[lane] * bound < search->floor) << lane;
        }
        passed[u] = bits;
    }
}

#if defined(__x86_64__)
#include "avx2.h"
#include "avx512.h"
#endif

/* The instructions of the processor: PORTABLE, AVX2 or AVX512. The caller caches this: under a hypervisor CPUID traps,
 * which takes as long as a small query. */
enum { PORTABLE, AVX2, AVX512 };

EXPORT int32_t topn_instructions(void) {
#if defined(__x86_64__)
    return has_avx2() ? has_avx512_vnni() ? AVX512 : AVX2 : PORTABLE;
#else
    return PORTABLE;
#endif
}

static double exact_score(const float *vector, const float *row, int64_t k, float bias) {
    double sum = bias;
    for (int64_t f = 0; f < k; f++) sum += (double)vector[f] * (double)row[f];
    return sum;
}

/* The same for the AT_ONCE items at `rows` of `factors` and `bias`. */
static void exact_scores(const float *vector, const float *factors, const float *bias, int64_t k, const int32_t *rows,
                         double *scores) {
    const float *a = factors + rows[0] * k, *b = factors + rows[1] * k;
    const float *c = factors + rows[2] * k, *d = factors + rows[3] * k;
    double sum_a = bias[rows[0]], sum_b = bias[rows[1]], sum_c = bias[rows[2]], sum_d = bias[rows[3]];
    for (int64_t f = 0; f < k; f++) {
        double user = vector[f];
        sum_a += user * (double)a[f];
        sum_b += user * (double)b[f];
        sum_c += user * (double)c[f];
        sum_d += user * (double)d[f];
    }
    scores[0] = sum_a, scores[1] = sum_b, scores[2] = sum_c, scores[3] = sum_d;
}

static int ranks_below(const Query *q, int64_t a, int64_t b) {
    return q->scores[a] < q->scores[b] || (q->scores[a] == q->scores[b] && q->rows[a] > q->rows[b]);
}

static void swap(Query *q, int64_t a, int64_t b) {
    double score = q->scores[a];
    int32_t row = q->rows[a];
    q->scores[a] = q->scores[b], q->rows[a] = q->rows[b];
    q->scores[b] = score, q->rows[b] = row;
}

/* Restore the heap order of the first `size` entries after the root has changed. */
static void sift_down(Query *q, int64_t size) {
    for (int64_t at = 0;;) {
        int64_t child = 2 * at + 1;
        if (child >= size) return;
        if (child + 1 < size && ranks_below(q, child + 1, child)) child++;
        if (!ranks_below(q, child, at)) return;
        swap(q, child, at);
        at = child;
    }
}

static void heap_push(Search *search, double score, int32_t row) {
    Query *q = &search->query;
    if (!q->n) return;
    if (q->found < q->n) {
        int64_t at = q->found++;
        q->scores[at] = score, q->rows[at] = row;
        for (; at && ranks_below(q, at, (at - 1) / 2); at = (at - 1) / 2) swap(q, at, (at - 1) / 2);
    } else if (score > q->scores[0]) { /* rows increase during the scan: on equal scores the earlier row wins */
        q->scores[0] = score, q->rows[0] = row;
        sift_down(q, q->n);
    } else {
        return;
    }
    if (q->found == q->n) {
        double floor = q->scores[0] - ROUNDING * __builtin_fabs(q->scores[0]) - 1e-36;
        search->floor = (float)floor;
    }
}

/* Score exactly the items of a block that pass the filter and are candidates, once AT_ONCE of them wait. */
static void rescore_block(Search *search, uint32_t passed, int64_t first, int64_t items, const float *factors,
                          const float *bias, int64_t k) {
    Query *q = &search->query;
    for (; passed; passed &= passed - 1) {
        int64_t row = first + __builtin_ctz(passed);
        if (row >= items) return;
        while (q->n_exclude && *q->exclude < row) q->exclude++, q->n_exclude--;
        if (q->n_exclude && *q->exclude == row) continue;
        if (q->mask && !q->mask[row]) continue;
        for (int64_t f = 0; f < k; f += CACHE_LINE_FLOATS) __builtin_prefetch(factors + row * k + f);
        search->waiting[search->n_waiting++] = (int32_t)row;
        if (search->n_waiting < AT_ONCE) continue;
        double scores[AT_ONCE];
        exact_scores(q->vector, factors, bias, k, search->waiting, scores);
        for (int i = 0; i < AT_ONCE; i++) heap_push(search, scores[i], search->waiting[i]);
        search->n_waiting = 0;
    }
}

/* Score the items that still wait. */
static void rescore_rest(Search *search, const float *factors, const float *bias, int64_t k) {
    for (int i = 0; i < search->n_waiting; i++) {
        int64_t row = search->waiting[i];
        double score = exact_score(search->query.vector, factors + row * k, k, bias[row]);
        heap_push(search, score, (int32_t)row);
    }
}

/* Initialise a search; returns 0 when the vector is not finite. */
static int init_search(Search *search, Query query, int64_t k, const Bounds *bounds, int8_t *codes) {
    double residual_norm, code_norm, norm = 0.0;
    for (int64_t f = 0; f < k; f++) norm += (double)query.vector[f] * query.vector[f];
    norm = __builtin_sqrt(norm);
    if (!__builtin_isfinite(norm)) return 0;
    float scale = quantise(query.vector, k, USER_LEVELS, 0, (uint8_t *)codes, 4, &residual_norm, &code_norm);
    int32_t sum = 0;
    for (int64_t f = 0; f < k; f++) sum += codes[f];
    double slack = norm * bounds->residual + residual_norm * bounds->norm;
    double largest = slack + (norm + residual_norm) * bounds->norm;
    slack += ROUNDING * largest + 1e-36;
    if (largest * max(1.0, bounds->scale) > 1e38) slack = __builtin_inff(); /* may overflow: rescore every item */
    *search = (Search){query, codes, scale, (float)slack, -__builtin_inff(), 128 * sum, 0, {0}};
    return 1;
}

EXPORT int64_t topn_scratch_bytes(int64_t k) { return (int64_t)sizeof(Search) + 4 * words_of(k); }

/* Answer `count` queries; returns 0, or 1 when a vector is not finite.
 *
 * vectors: (count, k). excludes: the excluded rows of all queries, concatenated. out: for each query, the number of
 * items found (int64), n scores (double) and n rows (int32, padded to 8 bytes); then topn_scratch_bytes(k) per query.
 * instructions: at most topn_instructions(). */
EXPORT int64_t topn_search(int32_t instructions, const uint8_t *packed, const float *factors, const float *bias,
                           const Bounds *bounds, int64_t items, int64_t k, int64_t count, const float *vectors,
                           const int32_t *excludes, const QueryParams *params, int64_t *out) {
    int64_t words = words_of(k), bytes = topn_block_bytes(k), *result = out;
    for (int64_t u = 0; u < count; u++) out += 1 + params[u].n + (params[u].n + 1) / 2;
    Search *searches = (Search *)out;
    int8_t *codes = (int8_t *)(searches + count);
    BoundFilter bound_filter = bound_filter_portable;
#if defined(__x86_64__)
    int at_once = 2;
    if (instructions == AVX2) bound_filter = bound_filter_avx2;
    if (instructions == AVX512) bound_filter = bound_filter_avx512, at_once = MAX_USERS;
#else
    int at_once = 2;
    (void)instructions;
#endif
    for (int64_t u = 0; u < count; u++) {
        int64_t n = params[u].n;
        Query query = {vectors, excludes, params[u].mask, (double *)(result + 1), (int32_t *)(result + 1 + n),
                       params[u].n_exclude, n, 0};
        if (!init_search(searches + u, query, k, bounds, codes + u * words * 4)) return 1;
        result += 1 + n + (n + 1) / 2, vectors += k, excludes += params[u].n_exclude;
    }
    for (int64_t first = 0; first < items; first += LANES, packed += bytes) {
        for (int64_t u = 0; u < count; u += at_once) {
            uint32_t passed[MAX_USERS];
            int users = count - u < at_once ? (int)(count - u) : at_once;
            bound_filter(packed, words, searches + u, users, passed);
            for (int i = 0; i < users; i++)
                if (passed[i]) rescore_block(searches + u + i, passed[i], first, items, factors, bias, k);
        }
    }
    for (int64_t u = 0; u < count; u++) {
        Query *q = &searches[u].query;
        rescore_rest(searches + u, factors, bias, k);
        ((int64_t *)q->scores)[-1] = q->found;
        for (int64_t size = q->found; size > 1;) {
            swap(q, 0, --size);
            sift_down(q, size);
        }
    }
    return 0;
}
