#pragma once
// CudaStagePages: one layer of the KV pages of a few sequences on the host, and attention over them
// as plain sums in double: what bench --check compares the cache and attention of a GPU with. Part
// of libinglenook_cuda.so.

#include "engine/device/batch.h"
#include "engine/device/cuda_stages.h"
#include "kernels/cpu_kernels.h"
#include "kernels/cuda_kernels.h"

#include <cuda_runtime_api.h>
#include <map>
#include <span>
#include <vector>

namespace engine {

/// What all rows of a layer's attention have in common.
struct SlowAttention {
    std::uint32_t headsPerKv = 1;
    const float* keyBias = nullptr; // [kvHeads * headDim], kept out of the cache; or nullptr
    kernels::RopeTables rope;       // with keyBias
};

/// One row.
struct SlowAttentionRow {
    std::span<const PageId> pages;
    std::uint32_t position = 0; // sees everything up to here
    CudaAttentionForm form = CudaAttentionForm::Exact;
};

class CudaStagePages {
  public:
    explicit CudaStagePages(const kernels::cuda::KvLayout& layout) : m_layout(layout) {}

    /// The pages of a sequence up to `position`; pool and stride as kernels::cuda::Attention.
    cudaError_t fetch(const std::byte* pool, std::size_t pageStride, std::span<const PageId> pages,
                      std::uint32_t position, cudaStream_t stream);

    /// Keys or values of a position, [kvHeads * headDim].
    void read(std::span<const PageId> pages, std::uint32_t position, bool key,
              std::vector<float>& to) const;
    /// What a cache of this kind gives back of keys or values: rounded as the scalar kernel does.
    void stored(std::span<const float> given, std::vector<float>& to) const;

    /// Query heads of one KV head: `query` and `out` are the row's, [heads * headDim].
    void attend(const SlowAttention& task, const SlowAttentionRow& row, std::uint32_t kvHead,
                const float* query, float* out) const;

  private:
    float scaleOf(const std::byte* page, bool key, std::size_t place) const;
    void readHead(const std::byte* page, bool key, std::uint32_t head, std::uint32_t inPage,
                  float* to) const;
    /// The same in fp16, where attention takes it so.
    void readRounded(const SlowAttentionRow& row, std::uint32_t position, bool key,
                     std::uint32_t head, float* to) const;
    double roundedWeight(const SlowAttentionRow& row, std::uint32_t position, std::uint32_t head,
                         double weight) const;
    const std::byte* page(std::span<const PageId> pages, std::uint32_t position) const;

    kernels::cuda::KvLayout m_layout;
    std::vector<std::byte> m_bytes; // [pages][layerBytes]
    std::map<PageId, std::size_t> m_places;
};

} // namespace engine
