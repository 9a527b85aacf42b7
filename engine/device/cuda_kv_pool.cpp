#include "engine/device/cuda_kv_pool.h"

#include "engine/device/cuda_status.h"

#include <new>

namespace engine {

static_assert(kPageTokens == kernels::cuda::kPagePositions);

void CudaKvPool::plan(const ModelConfig& config, KvFormat kv, std::uint32_t pageCount) {
    using kernels::cuda::KvKind;
    m_layout.kind = kv == KvFormat::Int8   ? KvKind::Int8
                    : kv == KvFormat::BF16 ? KvKind::BF16
                                           : KvKind::F32;
    m_layout.kvHeads = config.kvHeadCount;
    m_layout.headDim = config.headDim;
    m_layers = config.layerCount;
    m_pageCount = pageCount;
}

Status CudaKvPool::allocate(const std::string& device) {
    m_device = device;
    return m_arena.allocate(plannedBytes(), device);
}

void CudaKvPool::release() {
    m_arena.release();
    m_pageCount = 0;
}

Status CudaKvPool::checkPage(PageId page) const {
    if (page < m_pageCount)
        return {};
    return Status(Code::InternalError, {{"detail", "KV page " + std::to_string(page) + " of " +
                                                       std::to_string(m_pageCount)}});
}

Status CudaKvPool::copyPage(PageId from, PageId to, cudaStream_t stream) {
    INGLENOOK_TRY(checkPage(from));
    INGLENOOK_TRY(checkPage(to));
    if (from == to || pageBytes() == 0) // a GPU without layers
        return {};
    return cudaStatus(
        cudaMemcpyAsync(page(to), page(from), pageBytes(), cudaMemcpyDeviceToDevice, stream),
        m_device);
}

Result<std::vector<std::byte>> CudaKvPool::savePage(PageId id, cudaStream_t stream) {
    INGLENOOK_TRY(checkPage(id));
    try {
        std::vector<std::byte> bytes(pageBytes());
        if (bytes.empty())
            return bytes;
        INGLENOOK_CUDA_TRY(
            cudaMemcpyAsync(bytes.data(), page(id), bytes.size(), cudaMemcpyDeviceToHost, stream),
            m_device);
        INGLENOOK_CUDA_TRY(cudaStreamSynchronize(stream), m_device);
        return bytes;
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", std::to_string(pageBytes()) + " bytes"}});
    }
}

Status CudaKvPool::restorePage(PageId id, std::span<const std::byte> bytes, cudaStream_t stream) {
    INGLENOOK_TRY(checkPage(id));
    if (bytes.size() != pageBytes())
        return Status(
            Code::InternalError,
            {{"detail", "a saved KV page of " + std::to_string(bytes.size()) + " bytes where " +
                            std::to_string(pageBytes()) + " are needed"}});
    if (bytes.empty())
        return {};
    INGLENOOK_CUDA_TRY(
        cudaMemcpyAsync(page(id), bytes.data(), bytes.size(), cudaMemcpyHostToDevice, stream),
        m_device);
    return cudaStatus(cudaStreamSynchronize(stream), m_device);
}

cudaError_t CudaKvPool::poison(cudaStream_t stream) {
    if (m_arena.data() == nullptr)
        return cudaSuccess;
    return cudaMemsetAsync(m_arena.data(), 0xFF, m_arena.allocatedBytes(), stream);
}

} // namespace engine
