#include "engine/device/cpu_kv_pool.h"

#include <cstring>
#include <new>
#include <string>

namespace engine {

static_assert(kPageTokens == kernels::kPagePositions);

void CpuKvPool::plan(const ModelConfig& config, KvFormat kv, std::uint32_t pageCount) {
    m_layout.kind = kv == KvFormat::Int8   ? kernels::KvKind::Int8
                    : kv == KvFormat::BF16 ? kernels::KvKind::BF16
                                           : kernels::KvKind::F32;
    m_layout.kvHeads = config.kvHeadCount;
    m_layout.headDim = config.headDim;
    m_layers = config.layerCount;
    m_pageCount = pageCount;
}

std::uint64_t CpuKvPool::plannedBytes() const {
    CpuArena counter;
    counter.take<std::byte>(pageBytes() * m_pageCount);
    return counter.countedBytes();
}

Status CpuKvPool::allocate() {
    return m_arena.allocate(plannedBytes());
}

void CpuKvPool::release() {
    m_arena.release();
    m_pageCount = 0;
}

Status CpuKvPool::checkPage(PageId page) const {
    if (page < m_pageCount)
        return {};
    return Status(Code::InternalError, {{"detail", "KV page " + std::to_string(page) + " of " +
                                                       std::to_string(m_pageCount)}});
}

std::span<std::byte> CpuKvPool::page(PageId page) {
    return {m_arena.data() + pageBytes() * page, pageBytes()};
}

Status CpuKvPool::copyPage(PageId from, PageId to) {
    INGLENOOK_TRY(checkPage(from));
    INGLENOOK_TRY(checkPage(to));
    std::memmove(page(to).data(), page(from).data(), pageBytes());
    return {};
}

Result<std::vector<std::byte>> CpuKvPool::savePage(PageId id) {
    INGLENOOK_TRY(checkPage(id));
    try {
        const std::span<std::byte> bytes = page(id);
        return std::vector<std::byte>(bytes.begin(), bytes.end());
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", std::to_string(pageBytes()) + " bytes"}});
    }
}

Status CpuKvPool::restorePage(PageId id, std::span<const std::byte> bytes) {
    INGLENOOK_TRY(checkPage(id));
    if (bytes.size() != pageBytes())
        return Status(
            Code::InternalError,
            {{"detail", "a saved KV page of " + std::to_string(bytes.size()) + " bytes where " +
                            std::to_string(pageBytes()) + " are needed"}});
    std::memcpy(page(id).data(), bytes.data(), bytes.size());
    return {};
}

void CpuKvPool::poison() {
    if (m_arena.data() != nullptr)
        std::memset(m_arena.data(), 0xFF, m_arena.allocatedBytes());
}

} // namespace engine
