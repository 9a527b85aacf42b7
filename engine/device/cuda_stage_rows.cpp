#include "engine/device/cuda_stage_rows.h"

#include "engine/device/cuda_status.h"
#include "kernels/cuda_handed_row.h"

#include <bit>
#include <cstddef>

namespace engine {

namespace {

constexpr std::uint32_t kDigitGroup = 128; // columns that share a scale in a row of digits

float bf16ToFloat(std::uint16_t bits) {
    return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

/// Where column k of a row stands in the order of prepareTensorRows().
std::uint32_t preparedPlace(std::uint32_t k) {
    const std::uint32_t pair = k / 64 * 64 + k % 16 / 4 * 16 + k % 64 / 16 * 2;
    return pair + k % 2 + k % 4 / 2 * 8;
}

cudaError_t fetchDigits(const CudaRowsOnDevice& from, std::uint32_t row, cudaStream_t stream,
                        float* to) {
    const kernels::cuda::DigitRows& digits = from.digits;
    std::vector<std::int8_t> planes[2]; // high, then low digits
    for (std::size_t plane = 0; plane < 2; ++plane) {
        planes[plane].resize(from.width);
        const std::size_t at = (plane * digits.planeRows + row) * digits.paddedColumns;
        INGLENOOK_CUDA_CHECK(cudaMemcpyAsync(planes[plane].data(), digits.values + at, from.width,
                                             cudaMemcpyDeviceToHost, stream));
    }
    std::vector<float> scales((from.width + kDigitGroup - 1) / kDigitGroup);
    for (std::size_t group = 0; group < scales.size(); ++group)
        INGLENOOK_CUDA_CHECK(cudaMemcpyAsync(&scales[group],
                                             digits.scales + group * digits.stride + row,
                                             sizeof(float), cudaMemcpyDeviceToHost, stream));
    INGLENOOK_CUDA_CHECK(cudaStreamSynchronize(stream));
    for (std::uint32_t k = 0; k < from.width; ++k)
        to[k] = scales[k / kDigitGroup] *
                static_cast<float>(planes[0][k] * kernels::cuda::kDigitBase + planes[1][k]);
    return cudaSuccess;
}

cudaError_t fetchHanded(const CudaRowsOnDevice& from, cudaStream_t stream, float* to) {
    const kernels::HandedOrder order = from.form == CudaRowForm::HandedBytes
                                           ? kernels::HandedOrder::Bytes
                                           : kernels::HandedOrder::Nibbles;
    std::vector<std::byte> row(kernels::handedBytes(from.width));
    INGLENOOK_CUDA_CHECK(
        cudaMemcpyAsync(row.data(), from.base, row.size(), cudaMemcpyDeviceToHost, stream));
    INGLENOOK_CUDA_CHECK(cudaStreamSynchronize(stream));
    for (std::uint32_t k = 0; k < from.width; ++k)
        to[k] = kernels::handedValue(order, row.data(), from.width, k);
    return cudaSuccess;
}

} // namespace

cudaError_t fetchFloats(const float* from, cudaStream_t stream, std::vector<float>& to) {
    INGLENOOK_CUDA_CHECK(cudaMemcpyAsync(to.data(), from, to.size() * sizeof(float),
                                         cudaMemcpyDeviceToHost, stream));
    return cudaStreamSynchronize(stream);
}

cudaError_t fetchRows(const CudaRowsOnDevice& from, std::span<const std::uint32_t> rows,
                      cudaStream_t stream, std::vector<float>& to) {
    to.resize(rows.size() * from.width);
    std::vector<std::uint16_t> bits(from.form == CudaRowForm::F32 ? 0 : from.stride);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        float* row = to.data() + i * from.width;
        const std::size_t at = std::size_t{rows[i]} * from.stride;
        if (from.form == CudaRowForm::Digits) {
            INGLENOOK_CUDA_CHECK(fetchDigits(from, rows[i], stream, row));
            continue;
        }
        if (from.form == CudaRowForm::HandedBytes || from.form == CudaRowForm::HandedNibbles) {
            INGLENOOK_CUDA_CHECK(fetchHanded(from, stream, row));
            continue;
        }
        if (from.form == CudaRowForm::F32) {
            INGLENOOK_CUDA_CHECK(cudaMemcpyAsync(row, from.base + at, from.width * sizeof(float),
                                                 cudaMemcpyDeviceToHost, stream));
            continue;
        }
        INGLENOOK_CUDA_CHECK(
            cudaMemcpyAsync(bits.data(), reinterpret_cast<const std::uint16_t*>(from.base) + at,
                            bits.size() * sizeof(std::uint16_t), cudaMemcpyDeviceToHost, stream));
        INGLENOOK_CUDA_CHECK(cudaStreamSynchronize(stream));
        for (std::uint32_t k = 0; k < from.width; ++k)
            row[k] = bf16ToFloat(bits[from.form == CudaRowForm::BF16 ? k : preparedPlace(k)]);
    }
    return cudaStreamSynchronize(stream);
}

} // namespace engine
