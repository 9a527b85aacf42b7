#include "tests/engine/model/allocation_counter.h"

#include <algorithm>
#include <cstdlib>
#include <malloc.h>
#include <new>

namespace {
thread_local bool t_counting = false;
thread_local long long t_held = 0;
thread_local long long t_peak = 0;
} // namespace

// The replaced operators of the whole test program; they only count where a counter lives.
void* operator new(std::size_t size) {
    void* memory = std::malloc(size == 0 ? 1 : size);
    if (memory == nullptr)
        throw std::bad_alloc();
    if (t_counting) {
        t_held += static_cast<long long>(malloc_usable_size(memory));
        t_peak = std::max(t_peak, t_held);
    }
    return memory;
}

// std::stable_sort takes its buffer from this one and gives it back to the plain delete below.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    try {
        return operator new(size);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

void operator delete(void* memory) noexcept {
    if (t_counting && memory != nullptr)
        t_held -= static_cast<long long>(malloc_usable_size(memory));
    std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
    operator delete(memory);
}

namespace tests {

AllocationCounter::AllocationCounter() {
    t_held = 0;
    t_peak = 0;
    t_counting = true;
}

AllocationCounter::~AllocationCounter() {
    t_counting = false;
}

std::size_t AllocationCounter::peak() const {
    return static_cast<std::size_t>(t_peak);
}

} // namespace tests
