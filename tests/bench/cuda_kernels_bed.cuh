#pragma once
// Random operands for the decode kernels, for their checks and their times
// (inglenook_cuda_kernels).

#include "kernels/cuda/gemv.cuh"
#include "tests/bench/check_bed.cuh"

#include <cstdint>
#include <string>
#include <vector>

namespace tests {

extern kernels::cuda::DeviceLimits g_limits; // main() asks the device

/// On the device until freeAll().
void* allocateBytes(std::size_t bytes);
template<typename T>
T* allocate(std::size_t count) {
    return static_cast<T*>(allocateBytes(count * sizeof(T)));
}
void freeAll();

void fill(std::int8_t* to, std::size_t count, std::uint32_t seed);
/// Around zero, to about `size`.
void fill(float* to, std::size_t count, std::uint32_t seed, float size);
float* floats(std::size_t count, float size = 1);
kernels::cuda::Matrix matrixOf(kernels::cuda::WeightKind kind, std::uint32_t group,
                               std::uint32_t rows, std::uint32_t columns);

/// One of integer weights without tensor cores: the slow twin.
cudaError_t plainGemv(const kernels::cuda::Gemv& task);

struct Format {
    const char* name;
    kernels::cuda::WeightKind kind;
    std::uint32_t group;
};
inline constexpr Format kFormats[] = {{"int8 g128", kernels::cuda::WeightKind::Int8, 128},
                                      {"int8 g32", kernels::cuda::WeightKind::Int8, 32},
                                      {"int4", kernels::cuda::WeightKind::Int4, 32},
                                      {"int4 min", kernels::cuda::WeightKind::Int4Min, 32},
                                      {"int4 zero", kernels::cuda::WeightKind::Int4Zero, 32}};

/// Exit code 1 when tokens differ.
int checkSampling();
/// How many rows handed from kernel to kernel are wrong.
int checkHanded();
/// How many stretches that L2 is asked for are wrong.
int checkAhead();
/// A row on the device that was handed over, as the values it stands for.
std::vector<float> unhand(kernels::HandedOrder order, const std::byte* row, std::uint32_t columns);
/// Times of a layer's products and attention, of all formats or of those whose names begin so; of
/// the head and sampling in turn; of sampling many rows. 0.
int timeLayers(const std::string& format = {});
int timeHeads();
int timeDraws();

} // namespace tests
