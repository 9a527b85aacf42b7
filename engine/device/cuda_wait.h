#pragma once
// Waiting for a device that may never answer. A kernel without end is no error to CUDA, and every
// call of CUDA's that waits for it, also one that frees memory, waits for ever. So an executor
// waits here, for as long as its steps can take on the slowest device; then the device counts as
// hung: it is dead, nothing of it is given back, and no executor opens it again while the program
// runs. Threads: any. Part of libinglenook_cuda.so.

#include "engine/device/batch.h"

#include <chrono>
#include <cuda_runtime_api.h>

namespace engine {

using CudaDeadline = std::chrono::steady_clock::time_point;

/// How long a step may take before its device is given up: ten seconds and what a GPU would need
/// that is a hundred times slower than those of 2024. INGLENOOK_STEP_PATIENCE_MS replaces the ten
/// seconds: tests shorten them, programs that run under a checker need more.
std::chrono::milliseconds stepPatience(const StepTimings& work);

/// What is not done by its deadline. No kernel ends with it: cudaErrorLaunchTimeout is what the
/// driver says of one that it stopped itself, on a device that answers.
constexpr cudaError_t kCudaLate = cudaErrorTimeout;

/// Until the work before the event is done: cudaSuccess, what went wrong with it, or kCudaLate.
/// What is done by the time it is asked for is never late, and it is asked for once more behind the
/// deadline: a thread that slept that long says nothing about the device.
cudaError_t awaitCudaEvent(cudaEvent_t event, CudaDeadline deadline);
/// The same for everything that a stream has yet to do.
cudaError_t awaitCudaStream(cudaStream_t stream, CudaDeadline deadline);

/// Waits like awaitCudaStream(); a device that is late counts as hung from then on. One that hung
/// before is not waited for.
void awaitOrGiveUp(int device, cudaStream_t stream, CudaDeadline deadline);

/// Of the process.
void markCudaHung(int device);
bool isCudaHung(int device);
bool isAnyCudaHung();

/// While one that is on exists, its thread gives nothing back to CUDA.
class CudaAbandon {
  public:
    explicit CudaAbandon(bool on);
    ~CudaAbandon();
    CudaAbandon(const CudaAbandon&) = delete;
    CudaAbandon& operator=(const CudaAbandon&) = delete;

    static bool isOn();

  private:
    bool m_before;
};
/// In turn with steps of several GPUs (cuda_turns.h), as all memory comes.
void freeCuda(void* memory);
/// Page-locked memory belongs to all devices.
void freePinned(void* memory);

} // namespace engine
