#pragma once
// CudaArena: one block of device memory that is counted before it is allocated, like CpuArena.
// Part of libinglenook_cuda.so.

#include "engine/status.h"

#include <cstddef>
#include <cstdint>

namespace engine {

class CudaArena {
  public:
    CudaArena() = default;
    ~CudaArena() { release(); }
    CudaArena(const CudaArena&) = delete;
    CudaArena& operator=(const CudaArena&) = delete;

    /// Zeroed device memory. OutOfMemory with figures, or DeviceLost.
    Status allocate(std::uint64_t bytes, const std::string& device);
    void release();

    /// `count` elements, 256-byte aligned; nullptr while the arena only counts.
    template<typename T>
    T* take(std::uint64_t count) {
        return reinterpret_cast<T*>(takeBytes(count * sizeof(T)));
    }
    std::uint64_t countedBytes() const { return m_used; }

    std::byte* data() { return m_data; }
    std::uint64_t allocatedBytes() const { return m_bytes; }

  private:
    std::byte* takeBytes(std::uint64_t bytes);

    std::byte* m_data = nullptr;
    std::uint64_t m_bytes = 0;
    std::uint64_t m_used = 0;
};

} // namespace engine
