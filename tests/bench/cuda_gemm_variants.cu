// The variants that inglenook_gemm_check checks and times.
#include "kernels/cuda/gemm_digits_launch.cuh"
#include "kernels/cuda/gemm_w8a8_launch.cuh"
#include "tests/bench/cuda_gemm_variants.cuh"

#include <cstdio>

namespace tests {

namespace {

template<WeightKind kKind, int kTokens, int kParts, int kStages, int kShare>
Variant bf16Variant(const char* kind) {
    char name[64];
    std::snprintf(name, sizeof name, "%s t%d p%d s%d c%d", kind, kTokens, kParts, kStages, kShare);
    return {name,
            kKind,
            Operand::Bf16,
            kTokens == 256 ? 1U << 20 : kTokens,
            kShare,
            [](const TensorProduct& p, const Inputs& in, std::uint32_t splits, cudaStream_t s) {
                return launchTensorGemm<kKind, kTokens, kParts, kStages, kShare>(p, in.prepared,
                                                                                 splits, s);
            }};
}
/// What products that share K need: how many blocks there are, room for the sums of divided tiles.
struct SharedTiles {
    DeviceLimits limits = deviceLimits();
    TileRoom room;

    SharedTiles() {
        room.floats = tileRoomFloats(limits);
        room.sums = allocate<float>(room.floats);
        room.tiles = 4096;
        room.arrivals = allocate<std::uint32_t>(room.tiles);
        CHECK(cudaMemset(room.arrivals, 0, room.tiles * sizeof(std::uint32_t)));
    }
    static const SharedTiles& instance() {
        static const SharedTiles tiles;
        return tiles;
    }
};
template<WeightKind kKind, int kTokens, int kStages>
Variant evenVariant(const char* kind) {
    char name[64];
    std::snprintf(name, sizeof name, "%s even t%d s%d", kind, kTokens, kStages);
    return {name,
            kKind,
            Operand::Bf16,
            kTokens,
            1,
            [](const TensorProduct& p, const Inputs& in, std::uint32_t, cudaStream_t s) {
                const SharedTiles& tiles = SharedTiles::instance();
                TensorProduct product = p;
                product.room = tiles.room;
                return launchEvenGemm<kKind, kTokens, kStages>(product, in.prepared, tiles.limits,
                                                               s);
            }};
}
template<WeightKind kKind, int kTokens>
Variant tallVariant(const char* kind) {
    char name[64];
    std::snprintf(name, sizeof name, "%s tall t%d", kind, kTokens);
    return {name,
            kKind,
            Operand::Bf16,
            kTokens,
            1,
            [](const TensorProduct& p, const Inputs& in, std::uint32_t splits, cudaStream_t s) {
                return launchTallGemm<kKind, kTokens>(p, in.prepared, splits, s);
            }};
}
/// What tensorGemm() takes for the number of rows.
template<WeightKind kKind>
Variant chosenVariant(const char* kind) {
    return {std::string(kind) + " chosen",
            kKind,
            Operand::Bf16,
            128,
            1,
            [](const TensorProduct& p, const Inputs& in, std::uint32_t, cudaStream_t s) {
                const SharedTiles& tiles = SharedTiles::instance();
                TensorProduct product = p;
                product.room = tiles.room;
                return launchTensorKind<kKind>(product, in.prepared, tiles.limits, s);
            }};
}
Variant int8Variant() {
    return {"w8a8",
            WeightKind::Int8,
            Operand::Int8,
            1U << 20,
            1,
            [](const TensorProduct& p, const Inputs& in, std::uint32_t, cudaStream_t s) {
                return launchInt8Gemm(p, in.rows8, s);
            }};
}
template<int kTokens, int kStages, int kBuffers, int kResident>
Variant digitVariant() {
    char name[64];
    std::snprintf(name, sizeof name, "digits t%d s%d b%d r%d", kTokens, kStages, kBuffers,
                  kResident);
    return {name,
            WeightKind::Int8,
            Operand::Digits,
            kTokens,
            1,
            [](const TensorProduct& p, const Inputs& in, std::uint32_t splits, cudaStream_t s) {
                return launchDigitGemm<kTokens, kStages, kBuffers, kResident>(p, in.digits, splits,
                                                                              s);
            }};
}
std::vector<Variant> allVariants() {
    using W = WeightKind;
    return {bf16Variant<W::Int8, 256, 1, 5, 2>("int8"),
            bf16Variant<W::Int8, 256, 1, 5, 1>("int8"),
            bf16Variant<W::Int8, 128, 2, 4, 1>("int8"),
            evenVariant<W::Int8, 128, 4>("int8"),
            evenVariant<W::Int8, 64, 6>("int8"),
            tallVariant<W::Int8, 128>("int8"),
            tallVariant<W::Int8, 96>("int8"),
            tallVariant<W::Int4, 128>("int4"),
            tallVariant<W::Int4Min, 128>("int4m"),
            tallVariant<W::Int4Zero, 128>("int4z"),
            tallVariant<W::BF16, 128>("bf16"),
            chosenVariant<W::Int8>("int8"),
            chosenVariant<W::Int4>("int4"),
            evenVariant<W::Int4, 128, 5>("int4"),
            bf16Variant<W::Int8, 64, 2, 6, 1>("int8"),
            bf16Variant<W::Int8, 32, 2, 4, 1>("int8"),
            bf16Variant<W::Int8, 16, 2, 5, 1>("int8"),
            bf16Variant<W::Int4, 256, 1, 6, 2>("int4"),
            bf16Variant<W::Int4, 256, 1, 6, 1>("int4"),
            bf16Variant<W::Int4, 64, 4, 4, 1>("int4"),
            bf16Variant<W::Int4, 32, 4, 3, 1>("int4"),
            bf16Variant<W::Int4Min, 256, 1, 6, 1>("int4m"),
            bf16Variant<W::Int4Zero, 256, 1, 6, 1>("int4z"),
            bf16Variant<W::BF16, 256, 1, 4, 2>("bf16"),
            bf16Variant<W::BF16, 64, 2, 4, 1>("bf16"),
            int8Variant(),
            digitVariant<8, 5, 1, 2>(),
            digitVariant<8, 10, 1, 1>(),
            digitVariant<16, 10, 1, 1>(),
            digitVariant<32, 8, 1, 1>(),
            digitVariant<16, 5, 1, 2>(),
            digitVariant<32, 4, 1, 2>(),
            digitVariant<64, 3, 1, 2>(),
            digitVariant<64, 6, 1, 1>()};
}

/// Groups of 128 columns that are zero, tiny or large, three in ten of a row: scales differ from
/// their neighbours', by a factor of up to 1e7.
__global__ void makeUneven(float* x, std::uint32_t stride, std::uint32_t columns) {
    const std::uint32_t token = blockIdx.x;
    for (std::uint32_t k = threadIdx.x; k < columns; k += blockDim.x) {
        const std::uint32_t kind = (token + k / 128) % 10;
        const float factor = kind == 3 ? 0.0F : kind == 7 ? 1e-6F : kind == 9 ? 10.0F : 1.0F;
        x[std::size_t{token} * stride + k] *= factor;
        if (token % 8 == 5 && k / kInt8RunColumns == 1) // a whole run
            x[std::size_t{token} * stride + k] *= token % 16 == 5 ? 0.0F : 1e-6F;
    }
}

} // namespace

Inputs makeInputs(std::uint32_t tokens, std::uint32_t columns, std::uint64_t seed, bool uneven) {
    Inputs in;
    in.stride = (columns + 3) / 4 * 4;
    const std::uint32_t padded = (columns + 127) / 128 * 128;
    in.x = allocate<float>(std::size_t{tokens} * in.stride);
    fillFloats<<<1024, 256>>>(in.x, std::size_t{tokens} * in.stride, seed * 7919);
    if (uneven)
        makeUneven<<<tokens, 256>>>(in.x, in.stride, columns);
    in.prepared = {allocate<std::uint16_t>(std::size_t{tokens} * padded), nullptr, padded};
    in.rows8.stride = (tokens + kInt8RowPadding - 1) / kInt8RowPadding * kInt8RowPadding;
    in.rows8.paddedColumns = padded;
    in.rows8.values = allocate<std::int8_t>(std::size_t{tokens} * padded);
    in.rows8.scales = allocate<float>(std::size_t{int8Runs(padded)} * in.rows8.stride);
    in.digits.planeRows = tokens;
    in.digits.stride = (tokens + kMostDigitRows - 1) / kMostDigitRows * kMostDigitRows;
    in.digits.paddedColumns = padded;
    in.digits.values = allocate<std::int8_t>(std::size_t{2} * tokens * padded);
    in.digits.scales = allocate<float>(std::size_t{in.digits.stride} * (padded / 128));
    RowSource source;
    source.x = in.x;
    source.stride = in.stride;
    source.rows = tokens;
    source.columns = columns;
    CHECK(prepareTensorRows(source, in.prepared, nullptr));
    CHECK(quantizeRows(source, in.rows8, nullptr));
    CHECK(digitRows(source, in.digits, nullptr));
    return in;
}
void freeInputs(const Inputs& in) {
    (void)cudaFree(in.x);
    (void)cudaFree(in.prepared.high);
    (void)cudaFree(in.rows8.values);
    (void)cudaFree(in.rows8.scales);
    (void)cudaFree(in.digits.values);
    (void)cudaFree(in.digits.scales);
}

std::vector<Variant> variants(const std::string& filter) {
    std::vector<Variant> kept;
    for (const Variant& variant : allVariants())
        if (variant.name.find(filter) != std::string::npos)
            kept.push_back(variant);
    return kept;
}

std::uint32_t pairsAtOnce() {
    return activeClusters(tensorGemmKernel<WeightKind::Int8, 256, 1, 5, 2>, 384,
                          TensorShared<WeightKind::Int8, 256, 1, 5>::kBytes, 2);
}

} // namespace tests
