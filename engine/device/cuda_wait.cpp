#include "engine/device/cuda_wait.h"

#include "engine/device/cuda_turns.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <thread>

namespace engine {

namespace {

constexpr std::chrono::milliseconds kPatience{10'000};
/// Of the slowest device: weights times rows, and KV that is read.
constexpr double kWeightBytesPerMs = 1e9;
constexpr double kKvBytesPerMs = 2e8;

constexpr int kMostDevices = 64;
std::array<std::atomic<bool>, kMostDevices> hungDevices; // all false

thread_local bool abandons = false;

/// `ask` answers cudaErrorNotReady while there is something to do.
template<typename Ask>
cudaError_t await(const Ask& ask, CudaDeadline deadline) {
    using namespace std::chrono_literals;
    const auto begin = std::chrono::steady_clock::now();
    for (bool isLate = false;;) {
        const cudaError_t answer = ask();
        if (answer != cudaErrorNotReady)
            return answer;
        (void)cudaGetLastError(); // "not yet" is nobody's error
        if (isLate)
            return kCudaLate;
        const auto now = std::chrono::steady_clock::now();
        isLate = now >= deadline;
        if (isLate)
            continue;
        if (now - begin > 100ms)
            std::this_thread::sleep_for(100us);
        else if (now - begin > 1ms)
            std::this_thread::yield();
    }
}

} // namespace

std::chrono::milliseconds stepPatience(const StepTimings& work) {
    std::chrono::milliseconds patience = kPatience;
    if (const char* text = std::getenv("INGLENOOK_STEP_PATIENCE_MS"); text != nullptr)
        patience = std::chrono::milliseconds(std::max(0, std::atoi(text)));
    const double rows = work.decodeRows + work.prefillRows;
    const double work_ms = rows * static_cast<double>(work.weightBytes) / kWeightBytesPerMs +
                           static_cast<double>(work.kvBytes) / kKvBytesPerMs;
    return patience + std::chrono::milliseconds(static_cast<std::int64_t>(work_ms));
}

cudaError_t awaitCudaEvent(cudaEvent_t event, CudaDeadline deadline) {
    return await([&] { return cudaEventQuery(event); }, deadline);
}

cudaError_t awaitCudaStream(cudaStream_t stream, CudaDeadline deadline) {
    return await([&] { return cudaStreamQuery(stream); }, deadline);
}

void awaitOrGiveUp(int device, cudaStream_t stream, CudaDeadline deadline) {
    if (!isCudaHung(device) && awaitCudaStream(stream, deadline) == kCudaLate)
        markCudaHung(device);
}

void markCudaHung(int device) {
    if (device >= 0 && device < kMostDevices)
        hungDevices[static_cast<std::size_t>(device)] = true;
}

bool isCudaHung(int device) {
    return device >= 0 && device < kMostDevices && hungDevices[static_cast<std::size_t>(device)];
}

bool isAnyCudaHung() {
    return std::any_of(hungDevices.begin(), hungDevices.end(),
                       [](const std::atomic<bool>& hung) { return hung.load(); });
}

CudaAbandon::CudaAbandon(bool on) : m_before(abandons) {
    abandons = abandons || on;
}

CudaAbandon::~CudaAbandon() {
    abandons = m_before;
}

bool CudaAbandon::isOn() {
    return abandons;
}

void freeCuda(void* memory) {
    if (memory == nullptr || abandons)
        return;
    const CudaQuiet quiet;
    (void)cudaFree(memory);
}

void freePinned(void* memory) {
    if (memory == nullptr || abandons || isAnyCudaHung())
        return;
    const CudaQuiet quiet;
    (void)cudaFreeHost(memory);
}

} // namespace engine
