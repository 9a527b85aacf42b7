#include "engine/device/cuda_turns.h"

#include "engine/device/cuda_status.h"
#include "engine/device/cuda_wait.h"
#include "engine/device/parallel_plan.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace engine {

namespace {

struct Device {
    std::timed_mutex turn; // while a step is put there
    // Of the step that was put there last:
    const void* owner = nullptr;
    std::array<cudaEvent_t, kMostRanks> done = {}; // [count] of the ranks that are there
    std::size_t count = 0;
};

/// Of the process. The lock is held for a moment only.
std::mutex devicesMutex;
std::map<int, Device>& devices() {
    static std::map<int, Device> all;
    return all;
}

/// The turns of these devices, as far as they come in time; in order, so that no two block.
std::vector<std::unique_lock<std::timed_mutex>> takeTurns(const std::set<int>& names,
                                                          std::chrono::milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    std::vector<std::unique_lock<std::timed_mutex>> locks;
    for (const int device : names) {
        std::timed_mutex* turn = nullptr;
        {
            const std::lock_guard lock(devicesMutex);
            turn = &devices()[device].turn;
        }
        locks.emplace_back(*turn, end);
    }
    return locks;
}

std::set<int> announced() {
    const std::lock_guard lock(devicesMutex);
    std::set<int> names;
    for (const auto& [name, device] : devices())
        names.insert(name);
    return names;
}

} // namespace

CudaTurn::CudaTurn(const void* owner, std::span<const int> names,
                   std::chrono::milliseconds patience)
    : m_owner(owner), m_locks(takeTurns({names.begin(), names.end()}, patience)) {
    m_came = std::all_of(m_locks.begin(), m_locks.end(),
                         [](const auto& lock) { return lock.owns_lock(); });
}

CudaQuiet::CudaQuiet() : m_locks(takeTurns(announced(), stepPatience({}))) {}

void CudaTurn::announce(std::span<const int> names) {
    const std::lock_guard lock(devicesMutex);
    for (const int device : names)
        (void)devices()[device];
}

cudaError_t CudaTurn::follow(int device, cudaStream_t stream) const {
    const std::lock_guard lock(devicesMutex);
    const Device& last = devices()[device];
    if (last.owner == m_owner)
        return cudaSuccess; // its own steps are in one stream; they followed the others'
    for (std::size_t i = 0; i < last.count; ++i)
        INGLENOOK_CUDA_CHECK(cudaStreamWaitEvent(stream, last.done[i], 0));
    return cudaSuccess;
}

void CudaTurn::passOn(std::span<const Done> done) {
    const std::lock_guard lock(devicesMutex);
    for (const Done& one : done) {
        devices()[one.device].owner = m_owner;
        devices()[one.device].count = 0;
    }
    for (const Done& one : done) {
        Device& device = devices()[one.device];
        if (device.count < device.done.size())
            device.done[device.count++] = one.event;
    }
}

void CudaTurn::forget(const void* owner) {
    const std::lock_guard lock(devicesMutex);
    for (auto& [name, device] : devices())
        if (device.owner == owner) {
            device.owner = nullptr;
            device.count = 0;
        }
}

} // namespace engine
