/* Exact top n of b_i + p . q_i, for a batch of users in one pass over a quarter of the factors' bytes.
 *
 * The factors are packed once to 8 bits a number. A pass over the packed films gives an upper bound of each score;
 * only a film whose bound reaches the n-th best score so far is scored, in float64 from the factors themselves, its
 * terms added from left to right. So the answer is that of scoring every film exactly. The integer sums, and with
 * them the films that are looked at, are the same on every processor.
 *
 * Packed: a block holds LANES films: their scales s_i and biases b_i (float), then for each 4 factors the codes of
 * all films, 4 bytes a film: code + 128, where q_i = s_i code + e_i, |code| <= 127.
 */
#include <stdint.h>

#define LANES 32
#define ITEM_LEVELS 127 /* codes of films are -127..127, stored +128 */
#define USER_LEVELS 64  /* 2 * 255 * 64 fits in the 16 bits in which AVX2 adds a pair of products */
#define SMALLEST_SCALE 1e-30f
#define ROUNDING 0x1p-20 /* 16 roundings in float: more than there are between the codes and the bound */
#define EXPORT __attribute__((visibility("default")))

/* What bounds the error of all packed films: the greatest |e_i| / s_i, the greatest |codes|, the greatest s_i. */
typedef struct {
    double residual, norm, scale;
} Bounds;

/* One request and its answer. */
typedef struct {
    const float *vector; /* (k,) */
    const int32_t *skip; /* (skips,) increasing item rows */
    const uint8_t *only; /* (films,) 1 for the films to choose from, or NULL for all */
    double *scores;      /* (n,) out */
    int32_t *rows;       /* (n,) out, best first */
    int64_t skips, n, found;
} Query;

/* A request while it is worked on. */
typedef struct {
    Query query;
    const int8_t *codes; /* (words * 4,) */
    float scale, slack, floor;
    int32_t offset;
} Search;

/* What topn_search is told of a request besides its vector and the rows to skip; mirrored by native.py. */
typedef struct {
    int64_t skips, n;
    const uint8_t *only;
} Told;

typedef void (*Reach)(const uint8_t *block, int64_t words, const Search *searches, int users, uint32_t *reached);

static int64_t words_of(int64_t k) { return (k + 3) / 4; }

EXPORT int32_t topn_abi(void) { return 2; }

EXPORT int64_t topn_block_bytes(int64_t k) { return LANES * (2 * (int64_t)sizeof(float) + 4 * words_of(k)); }

static double larger(double a, double b) { return a > b ? a : b; }

/* The nearest whole number of |x| < 2^22. */
static float rounded(float x) { return (x + 0x1.8p23f) - 0x1.8p23f; }

/* Codes of `row` (k,), |code| <= levels, at `out`, 4 of them every `stride` bytes; what they leave is measured. */
static float quantise(const float *row, int64_t k, int levels, int add, uint8_t *out, int64_t stride, double *left,
                      double *length) {
    float greatest = 0.0f;
    for (int64_t f = 0; f < k; f++) greatest = __builtin_fabsf(row[f]) > greatest ? __builtin_fabsf(row[f]) : greatest;
    float scale = greatest / (float)levels;
    if (scale < SMALLEST_SCALE) scale = SMALLEST_SCALE;
    double residual = 0.0, norm = 0.0;
    for (int64_t f = 0; f < k; f++) {
        float code = rounded(row[f] / scale);
        double rest = (double)row[f] - (double)scale * code;
        residual += rest * rest;
        norm += (double)code * code;
        out[f / 4 * stride + f % 4] = (uint8_t)((int)code + add);
    }
    for (int64_t f = k; f < words_of(k) * 4; f++) out[f / 4 * stride + f % 4] = (uint8_t)add;
    *left = __builtin_sqrt(residual);
    *length = __builtin_sqrt(norm);
    return scale;
}

/* Pack `films` rows of `factors` (films, k) with `bias` (films,); `packed` has a whole number of blocks. */
EXPORT void topn_pack(const float *factors, const float *bias, int64_t films, int64_t k, uint8_t *packed,
                      Bounds *bounds) {
    int64_t bytes = topn_block_bytes(k);
    for (int64_t row = 0; row < films; row++) {
        uint8_t *block = packed + row / LANES * bytes;
        int64_t lane = row % LANES;
        double left, length;
        float scale = quantise(factors + row * k, k, ITEM_LEVELS, 128, block + LANES * 2 * sizeof(float) + lane * 4,
                               LANES * 4, &left, &length);
        ((float *)block)[lane] = scale;
        ((float *)block)[LANES + lane] = bias[row];
        bounds->residual = larger(bounds->residual, left / scale);
        bounds->norm = larger(bounds->norm, length);
        bounds->scale = larger(bounds->scale, scale);
    }
}

/* The films of a block whose bound b_i + s_i (scale * sum + slack) is not below the floor, a bit each. */
static void reach_plain(const uint8_t *block, int64_t words, const Search *searches, int users, uint32_t *reached) {
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
        reached[u] = bits;
    }
}

#if defined(__x86_64__)
#include "reach_x86.h"
#endif

/* Asked once: under a hypervisor the question alone takes as long as a small answer. */
EXPORT int32_t topn_has_avx2(void) {
#if defined(__x86_64__)
    return has_avx2();
#else
    return 0;
#endif
}

static double exact(const float *vector, const float *row, int64_t k, float bias) {
    double sum = bias;
    for (int64_t f = 0; f < k; f++) sum += (double)vector[f] * (double)row[f];
    return sum;
}

static int worse(const Query *q, int64_t a, int64_t b) {
    return q->scores[a] < q->scores[b] || (q->scores[a] == q->scores[b] && q->rows[a] > q->rows[b]);
}

static void exchange(Query *q, int64_t a, int64_t b) {
    double score = q->scores[a];
    int32_t row = q->rows[a];
    q->scores[a] = q->scores[b], q->rows[a] = q->rows[b];
    q->scores[b] = score, q->rows[b] = row;
}

/* The worst of the first `size` is at 0; put what is there now in its place. */
static void sink(Query *q, int64_t size) {
    for (int64_t at = 0;;) {
        int64_t child = 2 * at + 1;
        if (child >= size) return;
        if (child + 1 < size && worse(q, child + 1, child)) child++;
        if (!worse(q, child, at)) return;
        exchange(q, child, at);
        at = child;
    }
}

static void offer(Search *search, double score, int32_t row) {
    Query *q = &search->query;
    if (!q->n) return;
    if (q->found < q->n) {
        int64_t at = q->found++;
        q->scores[at] = score, q->rows[at] = row;
        for (; at && worse(q, at, (at - 1) / 2); at = (at - 1) / 2) exchange(q, at, (at - 1) / 2);
    } else if (score > q->scores[0]) { /* rows only increase: an equal score is no better */
        q->scores[0] = score, q->rows[0] = row;
        sink(q, q->n);
    } else {
        return;
    }
    if (q->found == q->n) {
        double floor = q->scores[0] - ROUNDING * __builtin_fabs(q->scores[0]) - 1e-36;
        search->floor = (float)floor;
    }
}

/* Score the films of one block that are reached and allowed. */
static void look(Search *search, uint32_t reached, int64_t first, int64_t films, const float *factors,
                 const float *bias, int64_t k) {
    Query *q = &search->query;
    for (; reached; reached &= reached - 1) {
        int64_t row = first + __builtin_ctz(reached);
        if (row >= films) return;
        while (q->skips && *q->skip < row) q->skip++, q->skips--;
        if (q->skips && *q->skip == row) continue;
        if (q->only && !q->only[row]) continue;
        offer(search, exact(q->vector, factors + row * k, k, bias[row]), (int32_t)row);
    }
}

/* Whether the vector is one of finite numbers. */
static int begin(Search *search, Query query, int64_t k, const Bounds *bounds, int8_t *codes) {
    double left, length, norm = 0.0;
    for (int64_t f = 0; f < k; f++) norm += (double)query.vector[f] * query.vector[f];
    norm = __builtin_sqrt(norm);
    if (!__builtin_isfinite(norm)) return 0;
    float scale = quantise(query.vector, k, USER_LEVELS, 0, (uint8_t *)codes, 4, &left, &length);
    int32_t sum = 0;
    for (int64_t f = 0; f < k; f++) sum += codes[f];
    double slack = norm * bounds->residual + left * bounds->norm;
    double greatest = slack + (norm + left) * bounds->norm;
    slack += ROUNDING * greatest + 1e-36;
    if (greatest * larger(1.0, bounds->scale) > 1e38) slack = __builtin_inff(); /* may overflow: look at every film */
    *search = (Search){query, codes, scale, (float)slack, -__builtin_inff(), 128 * sum};
    return 1;
}

EXPORT int64_t topn_scratch_bytes(int64_t k) { return (int64_t)sizeof(Search) + 4 * words_of(k); }

/* Answer `count` requests; returns 0, or 1 when a vector holds something else than finite numbers.
 *
 * vectors: (count, k). skips: those of all requests, one after the other. out: for each request, how many films were
 * found (int64), n scores (double) and n rows (int32, filled up to 8 bytes); then topn_scratch_bytes(k) for each.
 * `fast` needs AVX2. */
EXPORT int64_t topn_search(int32_t fast, const uint8_t *packed, const float *factors, const float *bias,
                           const Bounds *bounds, int64_t films, int64_t k, int64_t count, const float *vectors,
                           const int32_t *skips, const Told *told, int64_t *out) {
    int64_t words = words_of(k), bytes = topn_block_bytes(k), *answer = out;
    for (int64_t u = 0; u < count; u++) out += 1 + told[u].n + (told[u].n + 1) / 2;
    Search *searches = (Search *)out;
    int8_t *codes = (int8_t *)(searches + count);
    Reach reach = reach_plain;
#if defined(__x86_64__)
    if (fast) reach = reach_avx2;
#endif
    (void)fast;
    for (int64_t u = 0; u < count; u++) {
        int64_t n = told[u].n;
        Query query = {vectors, skips, told[u].only, (double *)(answer + 1), (int32_t *)(answer + 1 + n),
                       told[u].skips, n, 0};
        if (!begin(searches + u, query, k, bounds, codes + u * words * 4)) return 1;
        answer += 1 + n + (n + 1) / 2, vectors += k, skips += told[u].skips;
    }
    for (int64_t first = 0; first < films; first += LANES, packed += bytes) {
        for (int64_t u = 0; u < count; u += 2) {
            uint32_t reached[2] = {0, 0};
            int users = count - u > 1 ? 2 : 1;
            reach(packed, words, searches + u, users, reached);
            for (int i = 0; i < users; i++)
                if (reached[i]) look(searches + u + i, reached[i], first, films, factors, bias, k);
        }
    }
    for (int64_t u = 0; u < count; u++) {
        Query *q = &searches[u].query;
        ((int64_t *)q->scores)[-1] = q->found;
        for (int64_t size = q->found; size > 1;) {
            exchange(q, 0, --size);
            sink(q, size);
        }
    }
    return 0;
}
