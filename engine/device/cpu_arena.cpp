#include "engine/device/cpu_arena.h"

#include "engine/checked.h"
#include "engine/model/memory_plan.h"

#include <sys/mman.h>

namespace engine {

namespace {

constexpr std::uint64_t kAlignment = 64;
constexpr std::uint64_t kSystemPage = 4096;

} // namespace

Status CpuArena::allocate(std::uint64_t bytes) {
    release();
    const std::uint64_t size = checkedAlign(bytes, kSystemPage).value_or(0);
    if (size == 0)
        return bytes == 0 ? Status() : Status(Code::OutOfMemory, {{"need", formatBytes(bytes)}});
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return Status(Code::OutOfMemory,
                      {{"need", formatBytes(size)}, {"free", formatBytes(availableHostMemory())}});
    // Large pages spare the address translation that streaming gigabytes of weights costs. Advice:
    // a kernel without them loses nothing else.
    (void)madvise(memory, size, MADV_HUGEPAGE);
    m_data = static_cast<std::byte*>(memory);
    m_bytes = size;
    return {};
}

void CpuArena::release() {
    if (m_data != nullptr)
        (void)munmap(m_data, m_bytes);
    m_data = nullptr;
    m_bytes = 0;
    m_used = 0;
}

std::uint64_t CpuArena::countedBytes() const {
    return checkedAlign(m_used, kSystemPage).value_or(UINT64_MAX);
}

std::byte* CpuArena::takeBytes(std::uint64_t bytes) {
    // A sum that wraps stays at the end and no allocation of it can succeed.
    const std::uint64_t at = m_used;
    const auto rounded = checkedAlign(bytes, kAlignment);
    const auto end = rounded ? checkedAdd(at, *rounded) : std::nullopt;
    m_used = end.value_or(UINT64_MAX);
    return m_data == nullptr || m_used > m_bytes ? nullptr : m_data + at;
}

} // namespace engine
