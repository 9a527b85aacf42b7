// The computing side of attention on Hopper (attention_hopper.cuh): scores, softmax, outputs.
#include "kernels/cuda/attention_hopper.h"
#include "kernels/cuda/attention_hopper_bring.cuh"

namespace kernels::cuda {

__device__ inline float exponential(float v) {
    float p;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(p) : "f"(v));
    return p;
}

/// What a thread holds of its two rows: those at lane / 4 of the warp's 16, and eight below.
struct RowState {
    float top[2];
    float sum[2];          // this thread's columns only
    std::int32_t limit[2]; // last position the row sees; -1 outside the sequence
    std::int32_t lowest;   // limit of the warp
};

/// Rows of a sequence within the unit.
__device__ inline void findLimits(const AttendPlan& plan, const UnitRows& rows, const KeyWalk& walk,
                                  std::uint32_t pairs, RowState& state) {
    const std::uint32_t first = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4;
    std::int32_t lowest = INT_MAX;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const std::uint32_t pair = first + half * 8;
        const std::uint32_t row = pair / plan.headsPerKv;
        const bool mine = pair < pairs && row >= walk.begin && row < walk.end;
        state.limit[half] = mine ? static_cast<std::int32_t>(rows.positions[row]) : -1;
        lowest = min(lowest, state.limit[half]);
    }
    state.lowest = __reduce_min_sync(kAllLanes, lowest);
}

/// Scores of a tile become weights (still fp32); returns by what earlier sums shrink.
__device__ inline float2 weigh(std::uint32_t firstKey, float (&scores)[64], RowState& state) {
    const auto first = static_cast<std::int32_t>(firstKey);
    if (first + kTileKeys - 1 > state.lowest) {
        const std::int32_t key = first + static_cast<std::int32_t>(threadIdx.x % 4 * 2);
#pragma unroll
        for (int i = 0; i < 64; ++i)
            if (key + i / 4 * 8 + i % 2 > state.limit[i % 4 / 2])
                scores[i] = -INFINITY;
    }
    float shrink[2] = {1, 1};
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        float a = fmaxf(scores[half * 2], scores[half * 2 + 1]);
        float b = fmaxf(scores[half * 2 + 4], scores[half * 2 + 5]);
#pragma unroll
        for (int i = 8; i < 64; i += 8) {
            a = fmaxf(a, fmaxf(scores[i + half * 2], scores[i + half * 2 + 1]));
            b = fmaxf(b, fmaxf(scores[i + half * 2 + 4], scores[i + half * 2 + 5]));
        }
        float highest = fmaxf(a, b);
        highest = fmaxf(highest, __shfl_xor_sync(kAllLanes, highest, 1));
        highest = fmaxf(highest, __shfl_xor_sync(kAllLanes, highest, 2));
        if (highest > state.top[half] + kSlack) {
            // A whole number: what rounding does to a weight then depends on its score alone.
            highest = ceilf(highest);
            shrink[half] = exponential(state.top[half] - highest);
            state.top[half] = highest;
            state.sum[half] *= shrink[half];
        }
        const float base = state.top[half] == -INFINITY ? 0.0F : state.top[half];
        float sums[2] = {0, 0};
#pragma unroll
        for (int i = 0; i < 64; i += 4)
#pragma unroll
            for (int j = 0; j < 2; ++j) {
                const float p = exponential(scores[i + half * 2 + j] - base);
                scores[i + half * 2 + j] = p;
                sums[j] += p;
            }
        state.sum[half] += sums[0] + sums[1];
    }
    return make_float2(shrink[0], shrink[1]);
}

/// The two computing warpgroups issue their products in turns.
__device__ inline void takeTurn() {
    if (threadIdx.x < 128)
        waitNamed(2, 256);
    else
        waitNamed(3, 256);
}
__device__ inline void passTurn() {
    if (threadIdx.x < 128)
        arriveNamed(3, 256);
    else
        arriveNamed(2, 256);
}

/// A unit that a computing warpgroup is at.
struct UnitWalk {
    Unit unit;
    KeyWalk walk;
    RingPlace buffer; // of queries and rows

    template<class Places>
    __device__ void enter(const Places& places, const AttendTail& tail) {
        waitBarrier(places.queryFull(buffer.stage), buffer.parity);
        walk.enter(tail.rows[buffer.stage], 0, unit.count);
    }
    __device__ int advance(const AttendTail& tail) {
        return walk.advance(tail.rows[buffer.stage], unit.count);
    }
    template<class Places>
    __device__ std::uint32_t query(const Places& places) const {
        return places.query(buffer.stage) + threadIdx.x / 128 * 64 * 128;
    }
};

namespace {

/// Starts scores = queries x keys.
template<typename E, int kDim, bool kTwice>
__device__ void startScores(std::uint32_t query, std::uint32_t keys, float (&scores)[64]) {
#pragma unroll
    for (int part = 0; part < (kTwice ? 2 : 1); ++part)
#pragma unroll
        for (int step = 0; step < kDim / 16; ++step) {
            const std::uint32_t offset = step / 4 * kHalfBytes + step % 4 * 32;
            const std::uint32_t key = keys + part * (kDim / 64) * kHalfBytes + offset;
            if (step + part == 0)
                productScores<E, false>(scores, sharedTile(query + offset), sharedTile(key));
            else
                productScores<E, true>(scores, sharedTile(query + offset), sharedTile(key));
        }
    commitProducts();
}
/// Starts out += weights x values.
template<typename E, int kDim>
__device__ void startOut(const std::uint32_t (&weights)[8][4], std::uint32_t values,
                         float (&out)[kDim / 2]) {
#pragma unroll
    for (int step = 0; step < kTileKeys / 16; ++step)
        productOut<E>(out, weights[step], sharedColumns(values + step * 2048, kHalfBytes));
    commitProducts();
}
template<typename E>
__device__ void packWeights(const float (&scores)[64], std::uint32_t (&weights)[8][4]) {
#pragma unroll
    for (int i = 0; i < 32; ++i)
        weights[i / 4][i % 4] = packPair<E>(scores[2 * i], scores[2 * i + 1]);
        // Packed here, not where the scores of the next tile are under way.
#pragma unroll
    for (int i = 0; i < 32; ++i)
        asm volatile("" : "+r"(weights[i / 4][i % 4]));
}
template<int kCount>
__device__ void settleAll(float (&values)[kCount]) {
#pragma unroll
    for (int i = 0; i < kCount; ++i)
        settle(values[i]);
}

/// Sums of a thread's two rows to memory.
template<int kDim>
__device__ void writeOut(const Attention& task, const AttendPlan& plan, const Unit& unit,
                         const RowState& state, const float (&sums)[kDim / 2]) {
    const std::uint32_t quad = threadIdx.x % 4;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        float sum = state.sum[half];
        sum += __shfl_xor_sync(kAllLanes, sum, 1);
        sum += __shfl_xor_sync(kAllLanes, sum, 2);
        const std::uint32_t pair = threadIdx.x / 32 * 16 + half * 8 + threadIdx.x % 32 / 4;
        if (pair >= unit.pairs)
            continue;
        const float inverse = 1.0F / sum;
        const std::size_t row = unit.firstRow + pair / plan.headsPerKv;
        const std::uint32_t column =
            (unit.kvHead * plan.headsPerKv + pair % plan.headsPerKv) * static_cast<unsigned>(kDim);
        const auto value = [&](int i, int j) { return sums[4 * i + half * 2 + j] * inverse; };
        if (task.preparedOut == nullptr) {
            float* out = task.out + row * task.outStride + column + quad * 2;
#pragma unroll
            for (int i = 0; i < kDim / 8; ++i)
                *reinterpret_cast<float2*>(out + i * 8) = make_float2(value(i, 0), value(i, 1));
            continue;
        }
        std::uint16_t* out = task.preparedOut + row * task.outStride + column + quad * 8;
#pragma unroll
        for (int i = 0; i < kDim / 8; i += 8)
#pragma unroll
            for (int odd = 0; odd < 2; ++odd) {
                std::uint32_t words[4];
#pragma unroll
                for (int j = 0; j < 4; ++j)
                    words[j] = packBf16(value(i + 2 * j + odd, 0), value(i + 2 * j + odd, 1));
                *reinterpret_cast<uint4*>(out + i * 8 + odd * 32) =
                    make_uint4(words[0], words[1], words[2], words[3]);
            }
    }
}

/// The first tile of a unit.
template<typename E>
__device__ void beginRows(const AttendPlan& plan, const AttendTail& tail, const UnitWalk& at,
                          RowState& state, float (&scores)[64],
                          std::uint32_t (&weights)[kTileKeys / 16][4]) {
    state.top[0] = state.top[1] = -INFINITY;
    state.sum[0] = state.sum[1] = 0;
    findLimits(plan, tail.rows[at.buffer.stage], at.walk, at.unit.pairs, state);
    weigh(at.walk.first, scores, state);
    packWeights<E>(scores, weights);
}
template<int kCount>
__device__ void clear(float (&values)[kCount]) {
#pragma unroll
    for (int i = 0; i < kCount; ++i)
        values[i] = 0;
}

template<typename E, int kDim, bool kTwice>
__device__ void attendUnits(const Attention& task, const AttendPlan& plan,
                            const AttendPlaces<kDim, kTwice>& places, const AttendTail& tail) {
    RingPlace place;
    UnitWalk at;
    RowState state;
    float out[kDim / 2];
    float scores[64];
    std::uint32_t weights[kTileKeys / 16][4];
    if (threadIdx.x >= 128)
        passTurn();
    std::uint32_t round = 0;
    if (!at.unit.find(task, plan, tail, round))
        return;
    at.enter(places, tail);
    waitBarrier(places.keysFull(place), 0);
    takeTurn();
    fenceProducts();
    startScores<E, kDim, kTwice>(at.query(places), places.keys(place), scores);
    passTurn();
    waitProducts<0>();
    settleAll(scores);
    arriveWarp(places.keysEmpty(place));
    clear(out);
    beginRows<E>(plan, tail, at, state, scores, weights);
    while (true) {
        // Scores of the next tile, of this unit or of the next, beside the outputs of the last.
        const UnitWalk before = at;
        const int step = at.advance(tail);
        if (step == 0) {
            if (!at.unit.find(task, plan, tail, ++round))
                break;
            at.buffer.next<2>();
            at.enter(places, tail);
        }
        const RingPlace last = place;
        place.next<kTileStages>();
        waitBarrier(places.keysFull(place), places.keysParity(place));
        takeTurn();
        settleAll(out);
        fenceProducts();
        startScores<E, kDim, kTwice>(at.query(places), places.keys(place), scores);
        waitBarrier(places.valuesFull(last.stage), last.parity);
        fenceProducts();
        startOut<E, kDim>(weights, places.values(last.stage), out);
        passTurn();
        waitProducts<1>();
        settleAll(scores);
        arriveWarp(places.keysEmpty(place));
        if (step == 0) {
            waitProducts<0>();
            settleAll(out);
            arriveWarp(places.valuesEmpty(last.stage));
            arrive(places.queryEmpty(before.buffer.stage)); // its rows are read no more
            writeOut<kDim>(task, plan, before.unit, state, out);
            clear(out);
            beginRows<E>(plan, tail, at, state, scores, weights);
            continue;
        }
        if (step == 2)
            findLimits(plan, tail.rows[at.buffer.stage], at.walk, at.unit.pairs, state);
        const float2 shrink = weigh(at.walk.first, scores, state);
        settleAll(scores);
        // Sums are never negative: asking keeps the exponentials before the wait, which all warps
        // of the group have to meet at one place.
        if (__any_sync(kAllLanes, !(state.sum[0] >= 0) || !(state.sum[1] >= 0)))
            asm volatile("nanosleep.u32 0;" ::: "memory");
        waitProducts<0>();
        settleAll(out);
        if (__any_sync(kAllLanes, shrink.x != 1 || shrink.y != 1)) {
#pragma unroll
            for (int i = 0; i < kDim / 2; ++i)
                out[i] *= i % 4 < 2 ? shrink.x : shrink.y;
        }
        arriveWarp(places.valuesEmpty(last.stage));
        packWeights<E>(scores, weights);
    }
    waitBarrier(places.valuesFull(place.stage), place.parity);
    settleAll(out);
    fenceProducts();
    startOut<E, kDim>(weights, places.values(place.stage), out);
    waitProducts<0>();
    settleAll(out);
    writeOut<kDim>(task, plan, at.unit, state, out);
}

template<typename T, int kDim, bool kTwice>
__global__ void __launch_bounds__(Crew<T>::kThreads, 1)
    attendKernel(const __grid_constant__ Attention task) {
#ifdef INGLENOOK_HOPPER
    using E = std::conditional_t<Crew<T>::kInt8, __half, T>;
    extern __shared__ std::byte sharedBytes[];
    const std::uint32_t start = sharedAddress(sharedBytes);
    AttendPlaces<kDim, kTwice> places;
    places.base = (start + 1023) / 1024 * 1024;
    constexpr std::uint32_t kTiles = (2 + 2 * kTileStages) * AttendPlaces<kDim, kTwice>::kTile;
    auto& tail = *reinterpret_cast<AttendTail*>(sharedBytes + (places.base - start) + kTiles);
    places.barriers = sharedAddress(tail.barriers);
    const AttendPlan plan(task);
    if (threadIdx.x == 0) {
        constexpr int kBringing = kBringers / 32;
        constexpr int kComputing = kConsumerWarps;
        for (std::uint32_t i = 0; i < 2; ++i) {
            initBarrier(places.barriers + i * 8, kBringing); // of keys
            initBarrier(places.valuesFull(i), kBringing);
            initBarrier(places.queryFull(i), kBringers); // threads, for the rows beside them
            initBarrier(places.barriers + 16 + i * 8, kComputing);
            initBarrier(places.valuesEmpty(i), kComputing);
            initBarrier(places.queryEmpty(i), Crew<T>::kThreads);
        }
        fenceBarriers();
    }
    sortRowBlocks(task, plan, tail);
    __syncthreads();
    if (Crew<T>::kInt8 && threadIdx.x >= kConsumerWarps * 32 + kBringers) {
        giveUpRegisters<Crew<T>::kBringing>();
        bringUnits<T, E, kDim, kTwice, false>(task, plan, places, tail);
    } else if (threadIdx.x >= kConsumerWarps * 32) {
        giveUpRegisters<Crew<T>::kBringing>();
        bringUnits<T, E, kDim, kTwice, true>(task, plan, places, tail);
    } else {
        takeRegisters<Crew<T>::kComputing>();
        attendUnits<E, kDim, kTwice>(task, plan, places, tail);
    }
#endif
}

template<typename T, int kDim, bool kTwice>
cudaError_t launch(const Attention& task, const DeviceLimits& limits, cudaStream_t stream) {
    const auto kernel = attendKernel<T, kDim, kTwice>;
    constexpr std::size_t kShared = attendBytes<kDim>();
    if (const cudaError_t error = allowShared(kernel, kShared); error != cudaSuccess)
        return error;
    const std::uint32_t units = AttendPlan(task).units;
    const std::uint32_t blocks = units < limits.multiprocessors ? units : limits.multiprocessors;
    return launchKernel(kernel, dim3(blocks), Crew<T>::kThreads, kShared, stream,
                        startsEarly(task.count), task);
}

template<typename T, bool kTwice = false>
cudaError_t launchKind(const Attention& task, const DeviceLimits& limits, cudaStream_t stream) {
    return task.kv.headDim == 128 ? launch<T, 128, kTwice>(task, limits, stream)
                                  : launch<T, 64, kTwice>(task, limits, stream);
}

} // namespace

bool prefillAttentionPrepares(const KvLayout& kv, std::uint32_t heads, bool keyBias,
                              const DeviceLimits& limits) {
    return limits.hopper && !keyBias && kv.kind != KvKind::F32 &&
           (kv.headDim == 64 || kv.headDim == 128) && heads / kv.kvHeads <= kUnitPairs;
}

cudaError_t hopperAttention(const Attention& task, const DeviceLimits& limits,
                            cudaStream_t stream) {
    const bool biased = task.keyBias != nullptr;
    if (biased && task.widened == nullptr)
        return cudaErrorInvalidValue;
    if (!biased && task.kv.kind != KvKind::Int8)
        return launchKind<__nv_bfloat16>(task, limits, stream);
    if (task.widened == nullptr)
        return launchKind<std::int8_t>(task, limits, stream);
    if (const cudaError_t error = widenPages(task, stream); error != cudaSuccess)
        return error;
    Attention wide = task;
    wide.kv.kind = KvKind::BF16; // as far as the layout goes
    wide.pool = task.widened;
    wide.pageStride = widenedPageBytes(task.kv, biased);
    wide.pages = nullptr;
    return biased ? launchKind<__half, true>(wide, limits, stream)
                  : launchKind<__half>(wide, limits, stream);
}

} // namespace kernels::cuda
