// CudaGroupExecutor's memory: a KV page of the model is one of every rank, in their order.
#include "engine/device/cuda_group_executor.h"
#include "engine/device/cuda_status.h"

#include <new>

namespace engine {

Status CudaGroupExecutor::copyPage(PageId from, PageId to) {
    INGLENOOK_TRY(note(use()));
    for (const auto& rank : m_ranks) {
        INGLENOOK_TRY(note(rank->use()));
        INGLENOOK_TRY(note(rank->kv().copyPage(from, to, rank->stream())));
    }
    return {};
}

Result<std::vector<std::byte>> CudaGroupExecutor::savePage(PageId page) {
    INGLENOOK_TRY(note(use()));
    INGLENOOK_TRY(note(awaitAll()));
    try {
        std::vector<std::byte> all;
        for (const auto& rank : m_ranks) {
            INGLENOOK_TRY(note(rank->use()));
            const Result<std::vector<std::byte>> part = rank->kv().savePage(page, rank->stream());
            INGLENOOK_TRY(note(part.status()));
            all.insert(all.end(), part->begin(), part->end());
        }
        return all;
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "a KV page"}, {"free", "less"}});
    }
}

Status CudaGroupExecutor::restorePage(PageId page, std::span<const std::byte> bytes) {
    INGLENOOK_TRY(note(use()));
    std::uint64_t total = 0;
    for (const auto& rank : m_ranks)
        total += rank->kv().pageBytes();
    if (bytes.size() != total)
        return Status(Code::InternalError,
                      {{"detail", "a saved KV page of " + std::to_string(bytes.size()) +
                                      " bytes where " + std::to_string(total) + " are needed"}});
    INGLENOOK_TRY(note(awaitAll()));
    for (const auto& rank : m_ranks) {
        INGLENOOK_TRY(note(rank->use()));
        const std::size_t part = rank->kv().pageBytes();
        INGLENOOK_TRY(note(rank->kv().restorePage(page, bytes.first(part), rank->stream())));
        bytes = bytes.subspan(part);
    }
    return {};
}

void CudaGroupExecutor::poison() {
    if (!m_loaded || !note(use()).ok())
        return;
    (void)note(m_threads.run([&](std::uint32_t index) {
        CudaRank& rank = *m_ranks[index];
        INGLENOOK_TRY(rank.use());
        INGLENOOK_CUDA_TRY(rank.kv().poison(rank.stream()), rank.name());
        INGLENOOK_CUDA_TRY(rank.forward().poison(rank.stream()), rank.name());
        // Another rank may write into these rows as soon as the next step begins.
        INGLENOOK_CUDA_TRY(cudaStreamSynchronize(rank.stream()), rank.name());
        return Status();
    }));
}
} // namespace engine
