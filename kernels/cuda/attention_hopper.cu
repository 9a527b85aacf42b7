// The computing side of attention on Hopper (attention_hopper.cuh): scores, softmax, outputs.
#include "kernels/cuda/attention_hopper.cuh"
#include "kernels/cuda/attention_hopper.h"

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

namespace {

/// Starts scores = queries x keys.
template<typename E, int kDim>
__device__ void startScores(std::uint32_t query, std::uint32_t keys, float (&scores)[64]) {
#pragma unroll
    for (int step = 0; step < kDim / 16; ++step) {
        const std::uint32_t offset = step / 4 * kHalfBytes + step % 4 * 32;
        if (step == 0)
            productScores<E, false>(scores, sharedTile(query + offset), sharedTile(keys + offset));
        else
            productScores<E, true>(scores, sharedTile(query + offset), sharedTile(keys + offset));
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
__device__ void writeOut(const Attention& task, const AttendPlan& plan, std::uint32_t kvHead,
                         std::uint32_t firstRow, std::uint32_t pairs, const RowState& state,
                         const float (&sums)[kDim / 2]) {
    const std::uint32_t quad = threadIdx.x % 4;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        float sum = state.sum[half];
        sum += __shfl_xor_sync(kAllLanes, sum, 1);
        sum += __shfl_xor_sync(kAllLanes, sum, 2);
        const std::uint32_t pair = threadIdx.x / 32 * 16 + half * 8 + threadIdx.x % 32 / 4;
        if (pair >= pairs)
            continue;
        const float inverse = 1.0F / sum;
        const std::size_t row = firstRow + pair / plan.headsPerKv;
        const std::uint32_t column =
            (kvHead * plan.headsPerKv + pair % plan.headsPerKv) * static_cast<unsigned>(kDim);
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

/// Lets the two computing warpgroups issue their products in turns.
template<bool kTurns>
__device__ void takeTurn() {
    if constexpr (kTurns) {
        if (threadIdx.x < 128)
            waitNamed(2, 256);
        else
            waitNamed(3, 256);
    }
}
template<bool kTurns>
__device__ void passTurn() {
    if constexpr (kTurns) {
        if (threadIdx.x < 128)
            arriveNamed(3, 256);
        else
            arriveNamed(2, 256);
    }
}

template<typename E, int kDim, bool kTurns>
__device__ void attendUnits(const Attention& task, const AttendPlan& plan,
                            const AttendPlaces<kDim>& places, const AttendTail& tail) {
    RingPlace place;
    RingPlace buffer;
    if (kTurns && threadIdx.x >= 128)
        passTurn<kTurns>();
    for (std::uint32_t round = 0;; ++round) {
        const std::uint32_t unit = plan.unitOf(round);
        if (unit >= plan.units)
            break;
        const std::uint32_t kvHead = unit % task.kv.kvHeads;
        const std::uint32_t firstRow = plan.rowBlock(tail, unit, task.kv.kvHeads) * plan.rowsAtOnce;
        const std::uint32_t left = task.count - firstRow;
        const std::uint32_t count = left < plan.rowsAtOnce ? left : plan.rowsAtOnce;
        const std::uint32_t pairs = count * plan.headsPerKv;
        const UnitRows& rows = tail.rows[buffer.stage];
        const std::uint32_t query = places.query(buffer.stage) + threadIdx.x / 128 * 64 * 128;
        waitBarrier(places.queryFull(buffer.stage), buffer.parity);
        KeyWalk walk;
        walk.enter(rows, 0, count);
        RowState state;
        float out[kDim / 2];
        float scores[64];
        std::uint32_t weights[kTileKeys / 16][4];
#pragma unroll
        for (int i = 0; i < kDim / 2; ++i)
            out[i] = 0;
        state.top[0] = state.top[1] = -INFINITY;
        state.sum[0] = state.sum[1] = 0;
        findLimits(plan, rows, walk, pairs, state);

        waitBarrier(places.keysFull(place.stage), place.parity);
        takeTurn<kTurns>();
        fenceProducts();
        startScores<E, kDim>(query, places.keys(place.stage), scores);
        passTurn<kTurns>();
        waitProducts<0>();
        settleAll(scores);
        arriveWarp(places.keysEmpty(place.stage));
        weigh(walk.first, scores, state);
        packWeights<E>(scores, weights);
        while (const int step = walk.advance(rows, count)) {
            const RingPlace before = place;
            place.next<kTileStages>();
            waitBarrier(places.keysFull(place.stage), place.parity);
            takeTurn<kTurns>();
            settleAll(out);
            fenceProducts();
            startScores<E, kDim>(query, places.keys(place.stage), scores);
            waitBarrier(places.valuesFull(before.stage), before.parity);
            fenceProducts();
            startOut<E, kDim>(weights, places.values(before.stage), out);
            passTurn<kTurns>();
            waitProducts<1>();
            settleAll(scores);
            arriveWarp(places.keysEmpty(place.stage));
            if (step == 2)
                findLimits(plan, rows, walk, pairs, state);
            const float2 shrink = weigh(walk.first, scores, state);
            settleAll(scores); // not behind the products
            waitProducts<0>();
            settleAll(out);
            arriveWarp(places.valuesEmpty(before.stage));
            if (__any_sync(kAllLanes, shrink.x != 1 || shrink.y != 1)) {
#pragma unroll
                for (int i = 0; i < kDim / 2; ++i)
                    out[i] *= i % 4 < 2 ? shrink.x : shrink.y;
            }
            packWeights<E>(scores, weights);
        }
        waitBarrier(places.valuesFull(place.stage), place.parity);
        arriveWarp(places.queryEmpty(buffer.stage)); // nobody reads the unit's rows any more
        settleAll(out);
        fenceProducts();
        startOut<E, kDim>(weights, places.values(place.stage), out);
        waitProducts<0>();
        settleAll(out);
        arriveWarp(places.valuesEmpty(place.stage));
        place.next<kTileStages>();
        buffer.next<2>();
        writeOut<kDim>(task, plan, kvHead, firstRow, pairs, state, out);
    }
}

template<typename T, int kDim, bool kTurns>
__global__ void __launch_bounds__(Crew<T>::kThreads, 1)
    attendKernel(const __grid_constant__ Attention task) {
#ifdef INGLENOOK_HOPPER
    using E = std::conditional_t<std::is_same_v<T, std::int8_t>, __half, __nv_bfloat16>;
    extern __shared__ std::byte sharedBytes[];
    const std::uint32_t start = sharedAddress(sharedBytes);
    AttendPlaces<kDim> places;
    places.base = (start + 1023) / 1024 * 1024;
    constexpr std::uint32_t kTiles = (2 + 2 * kTileStages) * AttendPlaces<kDim>::kTile;
    auto& tail = *reinterpret_cast<AttendTail*>(sharedBytes + (places.base - start) + kTiles);
    places.barriers = sharedAddress(tail.barriers);
    const AttendPlan plan(task);
    if (threadIdx.x == 0) {
        constexpr int kBringing = kBringers / 32;
        constexpr int kComputing = kConsumerWarps;
        for (std::uint32_t i = 0; i < 2; ++i) {
            initBarrier(places.keysFull(i), kBringing);
            initBarrier(places.valuesFull(i), kBringing);
            initBarrier(places.queryFull(i), kBringing);
            initBarrier(places.keysEmpty(i), kComputing);
            initBarrier(places.valuesEmpty(i), kComputing);
            initBarrier(places.queryEmpty(i), kComputing);
        }
        fenceBarriers();
    }
    sortRowBlocks(task, plan, tail);
    __syncthreads();
    if (Crew<T>::kInt8 && threadIdx.x >= kConsumerWarps * 32 + kBringers) {
        giveUpRegisters<Crew<T>::kBringing>();
        bringUnits<T, E, kDim, false>(task, plan, places, tail);
    } else if (threadIdx.x >= kConsumerWarps * 32) {
        giveUpRegisters<Crew<T>::kBringing>();
        bringUnits<T, E, kDim, true>(task, plan, places, tail);
    } else {
        takeRegisters<Crew<T>::kComputing>();
        attendUnits<E, kDim, kTurns>(task, plan, places, tail);
    }
#endif
}

template<typename T, int kDim, bool kTurns>
cudaError_t launch(const Attention& task, const DeviceLimits& limits, cudaStream_t stream) {
    const auto kernel = attendKernel<T, kDim, kTurns>;
    constexpr std::size_t kShared = attendBytes<kDim>();
    if (const cudaError_t error = allowShared(kernel, kShared); error != cudaSuccess)
        return error;
    const std::uint32_t units = AttendPlan(task).units;
    const std::uint32_t blocks = units < limits.multiprocessors ? units : limits.multiprocessors;
    kernel<<<blocks, Crew<T>::kThreads, kShared, stream>>>(task);
    return cudaGetLastError();
}

template<bool kTurns>
cudaError_t launchAny(const Attention& task, const DeviceLimits& limits, cudaStream_t stream) {
    const bool wide = task.kv.headDim == 128;
    if (task.kv.kind == KvKind::Int8)
        return wide ? launch<std::int8_t, 128, kTurns>(task, limits, stream)
                    : launch<std::int8_t, 64, kTurns>(task, limits, stream);
    return wide ? launch<__nv_bfloat16, 128, kTurns>(task, limits, stream)
                : launch<__nv_bfloat16, 64, kTurns>(task, limits, stream);
}

} // namespace

bool prefillAttentionPrepares(const KvLayout& kv, std::uint32_t heads, bool keyBias,
                              const DeviceLimits& limits) {
    return limits.hopper && !keyBias && kv.kind != KvKind::F32 &&
           (kv.headDim == 64 || kv.headDim == 128) && heads / kv.kvHeads <= kUnitPairs;
}

cudaError_t hopperAttention(const Attention& task, const DeviceLimits& limits, bool turns,
                            cudaStream_t stream) {
    return turns ? launchAny<true>(task, limits, stream) : launchAny<false>(task, limits, stream);
}

} // namespace kernels::cuda
