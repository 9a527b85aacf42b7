// What L2 is asked for ahead of gate and up (kernels/cuda_ahead.h): pieces lie inside of a matrix,
// apart from each other and from what the rings bring first, and are no more than wanted.
#include "tests/bench/cuda_kernels_bed.cuh"

#include <algorithm>
#include <cstdio>

namespace tests {

using namespace kernels::cuda;

namespace {

struct Shape {
    std::uint32_t hidden, inner;
    bool asks; // large enough
};

constexpr Shape kShapes[] = {{1536, 8960, true},  {4096, 14336, true}, {3584, 18944, true},
                             {5120, 27648, true}, {8192, 28672, true}, {5120, 2560, false},
                             {128, 8, false}};

bool isRight(const Ahead& ahead, const Matrix& matrix, std::size_t most) {
    const std::size_t tile = std::size_t{8} * matrix.rowBytes();
    const std::size_t all = std::size_t{matrix.rows} * matrix.rowBytes();
    bool right = ahead.end == all && ahead.pieceBytes % 16 == 0 && ahead.pieceBytes <= tile &&
                 2 * std::size_t{ahead.blocks} * ahead.placeCount * ahead.pieceBytes <= most &&
                 std::size_t{ahead.blocks} * ahead.blockBytes >= all &&
                 ahead.blockBytes % matrix.rowBytes() == 0;
    for (std::uint32_t i = 0; i < ahead.placeCount; ++i) {
        const std::size_t after = i == 0 ? 0 : ahead.places[i - 1];
        right = right && ahead.places[i] >= after + tile && ahead.places[i] % tile == 0;
    }
    return right &&
           (ahead.placeCount == 0 || ahead.places[ahead.placeCount - 1] < ahead.blockBytes);
}

} // namespace

int checkAhead() {
    int failures = 0;
    for (const Format& format : kFormats)
        for (const auto& [hidden, inner, asks] : kShapes) {
            Gemv task;
            task.rows = 1;
            task.roundInput = true;
            task.xStride = hidden;
            alignas(16) static float place[4] = {};
            task.x = task.normWeight = place; // nothing is read
            task.matrixCount = 2;
            task.epilogue = Epilogue::SwiGlu;
            for (Matrix& matrix : task.matrices)
                matrix = {format.kind, format.group, inner, hidden};
            for (const std::size_t most : {std::size_t{0}, std::size_t{3'000'000}, kAheadBytes,
                                           std::size_t{1'000'000'000}}) {
                const Ahead ahead = aheadOf(task, g_limits, most);
                const bool wanted = asks && g_limits.hopper && most > 0;
                const bool right = ahead.pieceBytes == 0
                                       ? !wanted
                                       : wanted && isRight(ahead, task.matrices[0], most);
                std::printf("ahead %s %ux%u of %zu: %u bytes at %u places %s\n", format.name, inner,
                            hidden, most, ahead.pieceBytes, ahead.placeCount,
                            right ? "ok" : "FAILED");
                failures += right ? 0 : 1;
            }
        }
    std::printf("%d failed\n", failures);
    return failures;
}

} // namespace tests
