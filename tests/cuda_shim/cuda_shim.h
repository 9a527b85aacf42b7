#pragma once
// CudaShim: a CUDA runtime without a GPU, for tests. A library that carries libcudart's name and is
// preloaded answers every call of libinglenook_cuda.so from host memory and fails as it is told.
// Kernels do nothing: steps run, and every token is 0. What the first and the last kernel of a step
// would read and write is told (accesses()).
//
// Streams keep their work back until somebody waits for it: the worst case for memory that a copy
// under way still reads. Copies are checked against the allocations that exist.
//
// Threads: every method may be called from any thread.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace tests {

struct CudaShimDevice {
    int major = 9; // of the compute capability
    std::uint64_t memory_bytes = 256ULL << 20;
    bool reachesOthers = true; // by peer access; without it, copies from one to the other fail
};

/// A failure to come.
struct CudaShimFault {
    std::string call;        // "cudaMalloc"; empty = any that can fail
    std::uint64_t after = 0; // so many of these calls succeed before
    int error = 0;           // a cudaError_t
    bool sticks = false;     // the device answers nothing else from then on; else once
    int device = -1;         // -1 = any
    std::uint64_t times = 1; // where it does not stick
};

/// What the border between two steps does to memory.
struct CudaShimAccess {
    enum class Kind {
        Copied,   // to a device, from pinned memory
        Embedded, // rows that the first kernel of a step reads
        Sampled,  // tokens that the last kernel of a step writes
    };
    Kind kind = Kind::Copied;
    int device = 0;
    void* memory = nullptr;
    bool changed = false; // Copied: other bytes than stood there when the copy was asked for
};

/// What exists and was not given back.
struct CudaShimHeld {
    std::uint64_t deviceMemories = 0;
    std::uint64_t device_bytes = 0;
    std::uint64_t pinnedMemories = 0;
    std::uint64_t streams = 0;
    std::uint64_t events = 0;
    std::uint64_t graphs = 0; // and those ready to launch

    bool nothing() const {
        return deviceMemories + pinnedMemories + streams + events + graphs == 0;
    }
};

class CudaShim {
  public:
    virtual ~CudaShim() = default;

    /// Other devices, all well, nothing counted. Nothing may be held.
    virtual void reset(const std::vector<CudaShimDevice>& devices) = 0;
    /// Another failure; those told before stay.
    virtual void fail(const CudaShimFault& fault) = 0;
    /// From now on a device does nothing of what it was told or will be, and says "not yet" for
    /// ever. What would wait for it fails instead and counts. reset() forgets what is held
    /// then.
    virtual void hang(int device) = 0;
    /// The next such call on a device waits until letGo().
    virtual void hold(const std::string& call, int device) = 0;
    /// Whether it has come and waits.
    virtual bool isHolding() const = 0;
    virtual void letGo() = 0;
    /// Calls that would have waited for ever.
    virtual std::uint64_t endlessWaits() const = 0;
    /// Forgets all failures; dead devices are well again.
    virtual void heal() = 0;
    virtual CudaShimHeld held() const = 0;
    /// What the pinned memories of four bytes hold: words that kernels look at.
    virtual std::vector<std::uint32_t> pinnedWords() const = 0;

    /// Calls that could have failed, since reset().
    virtual std::uint64_t calls() const = 0;
    virtual std::uint64_t calls(const std::string& name) const = 0;
    /// Of these: allocations, copies, launches, captures.
    virtual std::uint64_t workCalls() const = 0;
    /// Copies to a device that waited for its stream: large ones from pageable memory.
    virtual std::uint64_t waitingCopies() const = 0;
    virtual std::uint64_t kernelLaunches() const = 0;
    virtual std::uint64_t graphLaunches() const = 0;

    /// From now on lateKernels() collects kernels that are launched on a device on which they were
    /// not loaded (launched, or asked for their attributes) before.
    virtual void watchKernels() = 0;
    virtual std::set<std::string> lateKernels() const = 0;

    /// From now on accesses() collects, in the order in which the devices do the work.
    virtual void watchAccesses() = 0;
    virtual std::vector<CudaShimAccess> accesses() const = 0;
};

/// The one symbol beside the CUDA runtime's. Look it up among the libraries of the program: it is
/// there when the shim was preloaded.
constexpr const char* kCudaShimSymbol = "inglenook_cuda_shim";
using CudaShimFunction = CudaShim* (*)();

} // namespace tests
