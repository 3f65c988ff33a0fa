/* Regularised least squares for each row of a sparse matrix: one half of a sweep of alternating least squares.
 *
 * For row r with the entries j (columns c_j, weights w_j, targets t_j) and the vectors z of the columns:
 *     (base + sum_j w_j z_j z_j' + (n_r + shift) diag(penalty)) x_r = base_rhs + sum_j w_j (t_j - offset_j) z_j
 * The entries of a row are gathered BLOCK at a time, so memory does not grow with the length of a row. Rows are
 * independent of each other: the result does not depend on how many threads share them.
 */
#include <stdint.h>

#define BLOCK 64   /* entries gathered at a time: 16 KiB at 64 factors, which stays in the first-level cache */
#define FLUSH 8192 /* entries summed in float32 before they are added in float64 */
#define LANES 16   /* the width of a vector is padded to a multiple of this */
#define EXPORT __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline)) /* compiled once for each instruction set */

/* The sparse matrix, what is common to all rows, and the result; native_als.py passes the same layout. */
typedef struct {
    const int64_t *indptr;
    const int32_t *columns;
    const float *weights; /* (entries,) or NULL: all 1 */
    const float *targets; /* (entries,) or NULL: all 1 */
    const float *vectors; /* (columns, k) */
    const float *offset;  /* (columns,) or NULL: all 0 */
    const double *base;   /* (k, k) symmetric */
    const double *base_rhs; /* (k,) */
    const double *penalty;  /* (k,) */
    double shift;
    float *out; /* (rows, k) */
    int64_t k;
} Problem;

typedef void (*Accumulate)(const float *x, int64_t count, int64_t width, float *sums);

EXPORT int32_t als_abi(void) { return 1; }

static int64_t width_of(int64_t k) { return (k + LANES - 1) / LANES * LANES; }

/* The gathered block, right-hand side factors, float32 sums, float64 sums, and two vectors. */
EXPORT int64_t als_scratch_bytes(int64_t k) {
    int64_t width = width_of(k);
    return 64 + BLOCK * (width + 1) * 4 + width * width * (4 + 8) + width * (4 + 8);
}

/* Add the upper triangle of x'x for `count` rows of `x`. */
static void accumulate_portable(const float *x, int64_t count, int64_t width, float *sums) {
    for (int64_t e = 0; e < count; e++, x += width)
        for (int64_t i = 0; i < width; i++)
            for (int64_t j = i / LANES * LANES; j < width; j++) sums[i * width + j] += x[i] * x[j];
}

#if defined(__x86_64__)
#include <immintrin.h>
/* Four rows and sixteen columns of the sums at a time stay in registers. */
__attribute__((target("avx2,fma"))) static void accumulate_avx2(const float *x, int64_t count, int64_t width,
                                                                float *sums) {
    for (int64_t i = 0; i < width; i += 4)
        for (int64_t j = i / LANES * LANES; j < width; j += LANES) {
            __m256 part[4][2];
            for (int r = 0; r < 4; r++) part[r][0] = part[r][1] = _mm256_setzero_ps();
            const float *row = x;
            for (int64_t e = 0; e < count; e++, row += width) {
                __m256 low = _mm256_loadu_ps(row + j), high = _mm256_loadu_ps(row + j + 8);
                for (int r = 0; r < 4; r++) {
                    __m256 own = _mm256_broadcast_ss(row + i + r);
                    part[r][0] = _mm256_fmadd_ps(own, low, part[r][0]);
                    part[r][1] = _mm256_fmadd_ps(own, high, part[r][1]);
                }
            }
            for (int r = 0; r < 4; r++) {
                float *sum = sums + (i + r) * width + j;
                _mm256_storeu_ps(sum, _mm256_add_ps(_mm256_loadu_ps(sum), part[r][0]));
                _mm256_storeu_ps(sum + 8, _mm256_add_ps(_mm256_loadu_ps(sum + 8), part[r][1]));
            }
        }
}
#endif

/* Move the float32 sums to the float64 ones. */
INLINE void flush(float *sums, double *totals, int64_t count) {
    for (int64_t i = 0; i < count; i++) totals[i] += (double)sums[i], sums[i] = 0.0f;
}

/* Solve the symmetric system in the upper triangle of `a` (width, width) by Cholesky, four pivots at a time; returns 0
 * when it is singular. */
INLINE int solve(float *a, float *b, int64_t width) {
    for (int64_t first = 0; first < width; first += 4) {
        float *panel = a + first * width;
        for (int64_t p = first; p < first + 4; p++) {
            float *row = a + p * width;
            if (!(row[p] > 0.0f)) return 0;
            float inverse = 1.0f / __builtin_sqrtf(row[p]);
            for (int64_t j = p; j < width; j++) row[j] *= inverse;
            b[p] *= inverse;
            for (int64_t i = p + 1; i < first + 4; i++) {
                float *below = a + i * width, factor = row[i];
                for (int64_t j = i; j < width; j++) below[j] -= factor * row[j];
                b[i] -= factor * b[p];
            }
        }
        for (int64_t i = first + 4; i < width; i++) {
            float *below = a + i * width, own[4];
            for (int p = 0; p < 4; p++) own[p] = panel[p * width + i], b[i] -= own[p] * b[first + p];
            for (int64_t j = i / 8 * 8; j < width; j++)
                below[j] -= own[0] * panel[j] + own[1] * panel[width + j] + own[2] * panel[2 * width + j] +
                            own[3] * panel[3 * width + j];
        }
    }
    for (int64_t p = width - 1; p >= 0; p--) {
        float *row = a + p * width;
        b[p] /= row[p];
        for (int64_t i = 0; i < p; i++) b[i] -= a[i * width + p] * b[p];
    }
    return 1;
}

/* Solve the rows `rows[0..count)`; returns -1, or the number of a row whose system is singular. */
INLINE int64_t solve_rows(const Problem *problem, const int64_t *rows, int64_t count, char *scratch,
                          Accumulate accumulate) {
    const Problem q = *problem;
    int64_t k = q.k, width = width_of(k);
    double *totals = (double *)(((uintptr_t)scratch + 63) / 64 * 64), *rhs = totals + width * width;
    float *sums = (float *)(rhs + width), *x = sums + width * width, *scaled = x + BLOCK * width, *b = scaled + BLOCK;
    for (int64_t i = 0; i < BLOCK * width; i++) x[i] = 0.0f; /* the padding stays 0 */
    for (int64_t i = 0; i < width * width; i++) sums[i] = 0.0f;
    for (int64_t n = 0; n < count; n++) {
        int64_t r = rows[n], first = q.indptr[r], end = q.indptr[r + 1], unflushed = 0;
        for (int64_t i = 0; i < width * width; i++) totals[i] = 0.0;
        for (int64_t i = 0; i < width; i++) rhs[i] = i < k ? q.base_rhs[i] : 0.0, b[i] = 0.0f;
        for (int64_t at = first; at < end; at += BLOCK) {
            int64_t taken = end - at < BLOCK ? end - at : BLOCK;
            for (int64_t e = 0; e < taken; e++) {
                int64_t column = q.columns[at + e];
                if (at + e + 8 < end) __builtin_prefetch(q.vectors + (int64_t)q.columns[at + e + 8] * k);
                const float *vector = q.vectors + column * k;
                float *to = x + e * width;
                float root = q.weights ? __builtin_sqrtf(q.weights[at + e]) : 1.0f;
                float target = (q.targets ? q.targets[at + e] : 1.0f) - (q.offset ? q.offset[column] : 0.0f);
                for (int64_t f = 0; f < k; f++) to[f] = vector[f] * root;
                scaled[e] = root * target;
            }
            for (int64_t e = 0; e < taken; e++)
                for (int64_t f = 0; f < width; f++) b[f] += scaled[e] * x[e * width + f];
            accumulate(x, taken, width, sums);
            unflushed += taken;
            if (unflushed >= FLUSH) {
                flush(sums, totals, width * width);
                flush(b, rhs, width);
                unflushed = 0;
            }
        }
        flush(sums, totals, width * width);
        flush(b, rhs, width);
        double weight = (double)(end - first) + q.shift;
        for (int64_t i = 0; i < width; i++) {
            for (int64_t j = i / 8 * 8; j < width; j++) {
                double entry = totals[i * width + j];
                if (i < k && j < k) entry += q.base[i * k + j] + (i == j ? weight * q.penalty[i] : 0.0);
                else if (i == j) entry = 1.0;
                sums[i * width + j] = (float)entry;
            }
            b[i] = (float)rhs[i];
        }
        if (!solve(sums, b, width)) return r;
        for (int64_t f = 0; f < k; f++) q.out[r * k + f] = b[f];
        for (int64_t i = 0; i < width * width; i++) sums[i] = 0.0f;
    }
    return -1;
}

static int64_t solve_rows_portable(const Problem *problem, const int64_t *rows, int64_t count, char *scratch) {
    return solve_rows(problem, rows, count, scratch, accumulate_portable);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static int64_t solve_rows_avx2(const Problem *problem, const int64_t *rows,
                                                                   int64_t count, char *scratch) {
    return solve_rows(problem, rows, count, scratch, accumulate_avx2);
}
#endif

/* See solve_rows; `use_avx2` requires a processor with AVX2 and FMA. */
EXPORT int64_t als_solve(const Problem *problem, const int64_t *rows, int64_t count, int32_t use_avx2, char *scratch) {
#if defined(__x86_64__)
    if (use_avx2) return solve_rows_avx2(problem, rows, count, scratch);
#endif
    (void)use_avx2;
    return solve_rows_portable(problem, rows, count, scratch);
}
