#pragma once
// What the shim's devices hold: memory, streams, events, graphs, and the failures to come.

#include "tests/cuda_shim/cuda_shim.h"

#include <condition_variable>
#include <cuda_runtime_api.h>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

namespace tests {

/// A piece of work of a stream. It holds what it needs, and graphs do it again and again.
using ShimWork = std::function<void()>;

struct ShimStream {
    int device = 0;
    std::deque<ShimWork> waiting;
    std::uint64_t queued = 0; // ever
    bool capturing = false;
    std::vector<ShimWork> captured;

    std::uint64_t done() const { return queued - waiting.size(); }
    void finish(std::uint64_t position);
    void finish() { finish(queued); }
};
struct ShimEvent {
    ShimStream* stream = nullptr; // that it was recorded in last; nullptr = never
    std::uint64_t position = 0;
    bool asked = false; // whether it is done, since it was recorded
};
struct ShimGraph {
    std::vector<ShimWork> work;
};

enum class ShimMemory { Pageable, Pinned, Device };

/// All methods expect `mutex` to be held.
class ShimState {
  public:
    static ShimState& instance();
    ShimState() { reset({{}}); }

    void reset(const std::vector<CudaShimDevice>& devices);
    /// Counts a call and says how it fails; the thread's current device is meant.
    cudaError_t enter(const char* call, bool work);
    /// Before that: waits where the test holds this call back.
    void waitWhileHeld(const char* call, std::unique_lock<std::mutex>& lock);
    /// A call that waits for a device, or for all of them (-1): an error where that one hangs.
    cudaError_t wait(int device);
    bool takesFault(const CudaShimFault& fault, const char* call) const;

    cudaError_t allocate(void** memory, std::size_t bytes);
    cudaError_t allocatePinned(void** memory, std::size_t bytes);
    void free(void* memory);
    void freePinned(void* memory);
    std::uint64_t freeBytes(int device) const;
    /// Where [memory, memory + bytes) lies wholly.
    ShimMemory kindOf(const void* memory, std::size_t bytes) const;
    bool reach(int device, int other) const;

    /// At once on a stream that captures into a graph, else when somebody waits.
    void enqueue(ShimStream& stream, ShimWork work);
    cudaError_t copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                     ShimStream& stream);
    void finishDevice(int device);
    /// Drops what is held: nobody can give it back any more.
    void forget();
    /// At once. Large memory becomes zero without being touched.
    static void fill(void* memory, int value, std::size_t bytes);

    void load(const void* kernel);
    void unloadKernels(); // of the current device
    cudaError_t launch(const void* kernel, void** arguments, ShimStream& stream);

    mutable std::mutex mutex;
    std::vector<CudaShimDevice> devices;
    std::vector<cudaError_t> dead; // [devices] cudaSuccess = well
    std::set<int> hung;            // devices
    std::uint64_t endlessWaits = 0;
    struct {
        std::string call; // empty: none
        int device = 0;
        bool waits = false; // it has come
    } hold;
    std::condition_variable letGo;
    std::vector<CudaShimFault> faults;
    std::map<const void*, std::string> kernels;
    std::map<ShimStream*, std::unique_ptr<ShimStream>> streams;
    std::map<ShimEvent*, std::unique_ptr<ShimEvent>> events;
    std::map<ShimGraph*, std::unique_ptr<ShimGraph>> graphs;
    CudaShimHeld counts() const;
    std::vector<std::uint32_t> pinnedWords() const;

    std::uint64_t calls = 0;
    std::map<std::string, std::uint64_t> namedCalls;
    std::uint64_t workCalls = 0;
    std::uint64_t waitingCopies = 0;
    std::uint64_t kernelLaunches = 0;
    std::uint64_t graphLaunches = 0;
    bool watching = false;
    std::set<std::string> late;
    bool watchesAccesses = false;
    std::vector<CudaShimAccess> accesses;

  private:
    struct Block {
        std::uint64_t bytes = 0;
        int device = 0;
    };
    using Blocks = std::map<const std::byte*, Block>;
    /// As work that tells of an access.
    void enqueueAccess(ShimStream& stream, const CudaShimAccess& access);
    void copyPinned(void* to, const void* from, std::size_t bytes, ShimStream& stream);
    /// Whether a copy may go from one to the other, as far as they lie on devices.
    bool areConnected(const void* to, const void* from) const;
    static bool contains(const Blocks& blocks, const void* memory, std::size_t bytes);
    static cudaError_t map(Blocks& blocks, void** memory, std::size_t bytes, int device);
    static void unmap(Blocks& blocks, void* memory);

    Blocks m_deviceMemory;
    Blocks m_pinnedMemory;
    std::vector<std::set<const void*>> m_loaded; // [devices]
};

/// The device that calls of this thread mean.
extern thread_local int shimDevice;
extern thread_local cudaError_t shimLastError;

} // namespace tests
