// Rows that one kernel hands to the product behind it (kernels/cuda_handed_row.h), both sides
// against plain rows: inglenook_cuda_kernels handed.
#include "kernels/cuda_handed_row.h"
#include "tests/bench/case_share.h"
#include "tests/bench/cuda_kernels_bed.cuh"

#include <cmath>
#include <cstdio>
#include <vector>

namespace tests {

namespace {

using namespace kernels;
using namespace kernels::cuda;

template<typename T>
std::vector<T> fetched(const T* from, std::size_t count) {
    std::vector<T> values(count);
    CHECK(cudaMemcpy(values.data(), from, count * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
}

int judged(const char* what, std::uint32_t n, std::uint32_t k, double error, double limit) {
    const bool good = std::isfinite(error) && error <= limit;
    std::printf("handed %s %ux%u %.2e %s\n", what, n, k, error, good ? "ok" : "FAILED");
    return good ? 0 : 1;
}

/// Gate and up hand their row, down takes it, each against fp32.
int checkPair(const Format& format, std::uint32_t hidden, std::uint32_t inner) {
    const std::uint32_t padded = (inner + kHandedUnit - 1) / kHandedUnit * kHandedUnit;
    auto* row = allocate<std::byte>(handedBytes(padded));
    CHECK(cudaMemset(row, 0, handedBytes(padded)));
    Gemv gateUp;
    gateUp.rows = 1;
    gateUp.eps = 1e-5F;
    gateUp.roundInput = true;
    gateUp.x = floats(hidden);
    gateUp.xStride = hidden;
    gateUp.normWeight = floats(hidden);
    gateUp.matrixCount = 2;
    gateUp.epilogue = Epilogue::SwiGlu;
    for (int i = 0; i < 2; ++i)
        gateUp.matrices[i] = matrixOf(format.kind, format.group, inner, hidden);
    gateUp.outs[0] = allocate<float>(inner);
    gateUp.outStrides[0] = inner;
    Gemv slow = gateUp;
    slow.roundInput = false;
    gateUp.handedOut = row;
    CHECK(gemv(gateUp, g_limits, nullptr));
    CHECK(plainGemv(slow));
    CHECK(cudaDeviceSynchronize());
    const std::vector<float> given = unhand(handedOrderOf(format.kind), row, inner);
    int failures =
        judged(format.name, inner, hidden, distance(given, fetched(slow.outs[0], inner)), 1e-3);

    Gemv down;
    down.rows = 1;
    down.epilogue = Epilogue::Add;
    down.matrices[0] = matrixOf(format.kind, format.group, hidden, inner);
    down.handed = row;
    down.xStride = inner;
    float* fast = floats(hidden);
    float* twin = allocate<float>(hidden);
    CHECK(cudaMemcpy(twin, fast, hidden * 4, cudaMemcpyDeviceToDevice));
    float* same = allocate<float>(inner);
    CHECK(cudaMemcpy(same, given.data(), inner * 4, cudaMemcpyHostToDevice));
    down.outs[0] = fast;
    down.outStrides[0] = hidden;
    slow = down;
    slow.handed = nullptr;
    slow.x = same;
    slow.outs[0] = twin;
    CHECK(gemv(down, g_limits, nullptr));
    CHECK(plainGemv(slow));
    CHECK(cudaDeviceSynchronize());
    failures += judged(format.name, hidden, inner,
                       distance(fetched(fast, hidden), fetched(twin, hidden)), 1e-5);
    freeAll();
    return failures;
}

} // namespace

std::vector<float> unhand(HandedOrder order, const std::byte* row, std::uint32_t columns) {
    const std::uint32_t padded = (columns + kHandedUnit - 1) / kHandedUnit * kHandedUnit;
    const std::vector<std::byte> bytes = fetched(row, handedBytes(padded));
    std::vector<float> values;
    for (std::uint32_t c = 0; c < columns; ++c)
        values.push_back(handedValue(order, bytes.data(), padded, c));
    return values;
}

int checkHanded() {
    int failures = 0;
    for (const Format& format : kFormats)
        for (const auto& [hidden, inner] : {std::pair{1536U, 8960U},
                                            {4096U, 14336U},
                                            {3584U, 18944U},
                                            {5120U, 2560U},
                                            {256U, 1000U},
                                            {128U, 8U}})
            // Int4 takes rows of whole units alone.
            if ((format.kind == WeightKind::Int8 || inner % (2 * kHandedUnit) == 0) &&
                isMyCase(6.0 * hidden * inner))
                failures += checkPair(format, hidden, inner);
    std::printf("%d failed\n", failures);
    return failures;
}

} // namespace tests
