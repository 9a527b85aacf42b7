#pragma once
// Counts what operator new gives out on this thread, to prove that a reader's memory is bounded by
// the file it reads.

#include <cstddef>

namespace tests {

class AllocationCounter {
  public:
    AllocationCounter();
    ~AllocationCounter();
    AllocationCounter(const AllocationCounter&) = delete;
    AllocationCounter& operator=(const AllocationCounter&) = delete;
    /// Most bytes held at once since construction.
    std::size_t peak() const;
};

} // namespace tests
