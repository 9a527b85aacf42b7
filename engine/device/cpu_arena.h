#pragma once
// CpuArena: one block of memory that is counted before it is allocated.
//
// The same code lays pieces out twice: first in an arena without memory, where take() only counts
// (memory plan), then in one that holds exactly that much (load). So plan and load cannot differ.

#include "engine/status.h"

#include <cstddef>
#include <cstdint>

namespace engine {

class CpuArena {
  public:
    CpuArena() = default;
    ~CpuArena() { release(); }
    CpuArena(const CpuArena&) = delete;
    CpuArena& operator=(const CpuArena&) = delete;

    /// Zeroed memory, whole system pages. Fails with OutOfMemory.
    Status allocate(std::uint64_t bytes);
    void release();

    /// `count` elements, 64-byte aligned; nullptr while the arena only counts.
    template<typename T>
    T* take(std::uint64_t count) {
        return reinterpret_cast<T*>(takeBytes(count * sizeof(T)));
    }
    /// What allocate() needs for everything taken so far.
    std::uint64_t countedBytes() const;

    std::byte* data() { return m_data; }
    std::uint64_t allocatedBytes() const { return m_bytes; }

  private:
    std::byte* takeBytes(std::uint64_t bytes);

    std::byte* m_data = nullptr;
    std::uint64_t m_bytes = 0;
    std::uint64_t m_used = 0;
};

} // namespace engine
