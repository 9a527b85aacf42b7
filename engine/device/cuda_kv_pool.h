#pragma once
// CudaKvPool: the KV pages of one GPU. A page holds 32 tokens of all layers, one layer after
// another in the layout of kernels::cuda::KvLayout. Part of libinglenook_cuda.so.

#include "engine/device/batch.h"
#include "engine/device/cuda_arena.h"
#include "engine/model/model_config.h"
#include "engine/model/weight_options.h"
#include "kernels/cuda_kernels.h"

#include <span>
#include <string>
#include <vector>

namespace engine {

class CudaKvPool {
  public:
    /// Layout only; `kv` is resolved.
    void plan(const ModelConfig& config, KvFormat kv, std::uint32_t pageCount);
    std::uint64_t plannedBytes() const { return pageBytes() * m_pageCount; }
    Status allocate(const std::string& device);
    void release();

    const kernels::cuda::KvLayout& layout() const { return m_layout; }
    std::uint32_t pageCount() const { return m_pageCount; }
    std::uint64_t pageBytes() const { return m_layout.layerBytes() * m_layers; }
    /// First page's part of a layer; page p lies p * pageBytes() behind.
    std::byte* layerBase(std::uint32_t layer) {
        return m_arena.data() + m_layout.layerBytes() * layer;
    }

    /// In the order of `stream`.
    Status copyPage(PageId from, PageId to, cudaStream_t stream);
    /// Wait for the stream.
    Result<std::vector<std::byte>> savePage(PageId page, cudaStream_t stream);
    Status restorePage(PageId page, std::span<const std::byte> bytes, cudaStream_t stream);
    /// Every byte 0xFF: NaN in f32, bf16 and in the scales of int8.
    cudaError_t poison(cudaStream_t stream);

  private:
    Status checkPage(PageId page) const;
    std::byte* page(PageId page) { return m_arena.data() + pageBytes() * page; }

    kernels::cuda::KvLayout m_layout;
    std::uint32_t m_layers = 0;
    std::uint32_t m_pageCount = 0;
    std::string m_device;
    CudaArena m_arena;
};

} // namespace engine
