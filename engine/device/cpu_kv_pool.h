#pragma once
// CpuKvPool: the KV pages of the CPU executor. A page holds 32 tokens of all layers, one layer
// after another in the layout of kernels::KvLayout.

#include "engine/device/batch.h"
#include "engine/device/cpu_arena.h"
#include "engine/model/model_config.h"
#include "engine/model/weight_options.h"
#include "kernels/cpu_kernels.h"

#include <span>
#include <vector>

namespace engine {

class CpuKvPool {
  public:
    /// Layout only; `kv` is resolved.
    void plan(const ModelConfig& config, KvFormat kv, std::uint32_t pageCount);
    std::uint64_t plannedBytes() const;
    Status allocate();
    void release();

    const kernels::KvLayout& layout() const { return m_layout; }
    std::uint32_t pageCount() const { return m_pageCount; }
    std::uint64_t pageBytes() const { return m_layout.layerBytes() * m_layers; }
    std::uint64_t allocatedBytes() const { return m_arena.allocatedBytes(); }
    /// First page's part of a layer; page p lies p * pageBytes() behind.
    std::byte* layerBase(std::uint32_t layer) {
        return m_arena.data() + m_layout.layerBytes() * layer;
    }

    Status copyPage(PageId from, PageId to);
    Result<std::vector<std::byte>> savePage(PageId page);
    Status restorePage(PageId page, std::span<const std::byte> bytes);
    /// Every byte 0xFF: NaN in f32, bf16 and in the scales of int8.
    void poison();

  private:
    Status checkPage(PageId page) const;
    std::span<std::byte> page(PageId page);

    kernels::KvLayout m_layout;
    std::uint32_t m_layers = 0;
    std::uint32_t m_pageCount = 0;
    CpuArena m_arena;
};

} // namespace engine
