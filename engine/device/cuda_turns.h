#pragma once
// CudaTurn: executors whose kernels wait for one another across GPUs take turns on the GPUs that
// they share. Such a kernel holds its multiprocessors until the other GPU's part of it is there.
// With two models split over the same GPUs, one model's kernel could fill one GPU and the other's
// the other, each waiting for what finds no room. So a step of one begins on a GPU when the step
// before, of whichever of them, is done there, and all GPUs see the steps in the same order.
//
// What makes the driver wait for a device takes a turn too (CudaQuiet): memory that comes or goes,
// a kernel that is loaded, a graph that is made. It may let nobody launch meanwhile, and beside
// another model's step that is launched on some of its GPUs only both would wait for ever.
// Threads: any. Part of libinglenook_cuda.so.

#include <chrono>
#include <cuda_runtime_api.h>
#include <mutex>
#include <span>
#include <vector>

namespace engine {

/// Lives while a step is put on its devices; nobody else's is meanwhile.
class CudaTurn {
  public:
    struct Done {
        int device = 0;
        cudaEvent_t event = nullptr; // recorded behind the step
    };

    /// `devices` may name one more than once. Waits for others that put a step on one of them.
    CudaTurn(const void* owner, std::span<const int> devices, std::chrono::milliseconds patience);
    CudaTurn(const CudaTurn&) = delete;
    CudaTurn& operator=(const CudaTurn&) = delete;

    /// Whether it came before patience ended: else another thread hangs in a device's driver.
    bool came() const { return m_came; }
    /// What is put on the stream from now on begins when other owners' steps on the device are
    /// done. The device is the current one. Several threads may call this within one turn.
    cudaError_t follow(int device, cudaStream_t stream) const;
    /// The owner's step is on all its devices.
    void passOn(std::span<const Done> done);

    /// Steps of several GPUs will be put on these devices.
    static void announce(std::span<const int> devices);
    /// The owner's events go: nobody is to wait for them any more. All its steps are done, or
    /// never will be.
    static void forget(const void* owner);

  private:
    const void* m_owner;
    std::vector<std::unique_lock<std::timed_mutex>> m_locks; // of the devices, in their order
    bool m_came = true;
};

/// While it lives no step is half launched: it has the turn of every device that was announced, or
/// waited for it in vain for as long as a step may take. Nobody who has a turn makes one.
class CudaQuiet {
  public:
    CudaQuiet();
    CudaQuiet(const CudaQuiet&) = delete;
    CudaQuiet& operator=(const CudaQuiet&) = delete;

  private:
    std::vector<std::unique_lock<std::timed_mutex>> m_locks; // of the devices, in their order
};

} // namespace engine
