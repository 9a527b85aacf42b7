#include "tests/cuda_shim/state.h"

#include "kernels/cuda_kernels.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>

namespace tests {

thread_local int shimDevice = 0;
thread_local cudaError_t shimLastError = cudaSuccess;

namespace {

/// The driver takes copies of pageable memory up to this size at once, larger ones when the stream
/// has come to them.
constexpr std::size_t kStagedBytes = 64 * 1024;

/// Which of its arguments are the rows that embedKernel() reads.
constexpr std::size_t kEmbeddedRows = 3;
/// In the names of kernels that sample: they take a kernels::cuda::Sampling.
constexpr const char* kSamplingArgument = "8Sampling";

} // namespace

void ShimStream::finish(std::uint64_t position) {
    while (!waiting.empty() && done() < position) {
        const ShimWork work = std::move(waiting.front());
        waiting.pop_front();
        work();
    }
}

ShimState& ShimState::instance() {
    static ShimState* const state = new ShimState; // the library outlives every static object
    return *state;
}

void ShimState::reset(const std::vector<CudaShimDevice>& newDevices) {
    if (!hung.empty())
        forget();
    hung.clear();
    endlessWaits = 0;
    hold = {};
    devices = newDevices;
    dead.assign(devices.size(), cudaSuccess);
    m_loaded.assign(devices.size(), {});
    faults.clear();
    namedCalls.clear();
    calls = workCalls = waitingCopies = kernelLaunches = graphLaunches = 0;
    watching = false;
    late.clear();
    watchesAccesses = false;
    accesses.clear();
    shimDevice = 0;
    shimLastError = cudaSuccess;
}

cudaError_t ShimState::wait(int device) {
    if (device < 0 ? hung.empty() : !hung.contains(device))
        return cudaSuccess;
    ++endlessWaits;
    return cudaErrorUnknown;
}

void ShimState::forget() {
    streams.clear();
    events.clear();
    graphs.clear();
    for (Blocks* blocks : {&m_deviceMemory, &m_pinnedMemory})
        while (!blocks->empty())
            unmap(*blocks, const_cast<std::byte*>(blocks->begin()->first));
}

bool ShimState::takesFault(const CudaShimFault& fault, const char* call) const {
    return (fault.call.empty() || fault.call == call) &&
           (fault.device < 0 || fault.device == shimDevice);
}

cudaError_t ShimState::enter(const char* call, bool work) {
    ++calls;
    ++namedCalls[call];
    workCalls += work ? 1 : 0;
    const auto device = static_cast<std::size_t>(shimDevice);
    if (device < dead.size() && dead[device] != cudaSuccess)
        return dead[device];
    for (auto fault = faults.begin(); fault != faults.end(); ++fault) {
        if (!takesFault(*fault, call))
            continue;
        if (fault->after > 0) {
            --fault->after;
            continue;
        }
        const auto error = static_cast<cudaError_t>(fault->error);
        if (fault->sticks && device < dead.size())
            dead[device] = error;
        if (fault->sticks || --fault->times == 0)
            faults.erase(fault);
        return error;
    }
    return cudaSuccess;
}

void ShimState::waitWhileHeld(const char* call, std::unique_lock<std::mutex>& lock) {
    if (hold.call != call || hold.device != shimDevice || hold.waits)
        return;
    hold.waits = true;
    letGo.wait(lock, [this] { return !hold.waits; });
}

bool ShimState::contains(const Blocks& blocks, const void* memory, std::size_t bytes) {
    const auto* at = static_cast<const std::byte*>(memory);
    auto block = blocks.upper_bound(at);
    if (block == blocks.begin())
        return false;
    --block;
    return at + bytes <= block->first + block->second.bytes;
}

ShimMemory ShimState::kindOf(const void* memory, std::size_t bytes) const {
    if (contains(m_deviceMemory, memory, bytes))
        return ShimMemory::Device;
    return contains(m_pinnedMemory, memory, bytes) ? ShimMemory::Pinned : ShimMemory::Pageable;
}

bool ShimState::reach(int device, int other) const {
    return device == other || (devices[static_cast<std::size_t>(device)].reachesOthers &&
                               devices[static_cast<std::size_t>(other)].reachesOthers);
}

bool ShimState::areConnected(const void* to, const void* from) const {
    const auto deviceOf = [&](const void* memory) {
        auto block = m_deviceMemory.upper_bound(static_cast<const std::byte*>(memory));
        return (--block)->second.device;
    };
    return !contains(m_deviceMemory, to, 1) || !contains(m_deviceMemory, from, 1) ||
           reach(deviceOf(from), deviceOf(to));
}

cudaError_t ShimState::map(Blocks& blocks, void** memory, std::size_t bytes, int device) {
    const std::size_t size = std::max<std::size_t>(bytes, 1);
    void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED)
        return cudaErrorMemoryAllocation;
    *memory = mapped;
    blocks[static_cast<std::byte*>(mapped)] = {size, device};
    return cudaSuccess;
}

void ShimState::unmap(Blocks& blocks, void* memory) {
    const auto block = blocks.find(static_cast<std::byte*>(memory));
    if (block == blocks.end())
        return;
    (void)munmap(memory, block->second.bytes);
    blocks.erase(block);
}

cudaError_t ShimState::allocate(void** memory, std::size_t bytes) {
    if (bytes > freeBytes(shimDevice))
        return cudaErrorMemoryAllocation;
    return map(m_deviceMemory, memory, bytes, shimDevice);
}

cudaError_t ShimState::allocatePinned(void** memory, std::size_t bytes) {
    return map(m_pinnedMemory, memory, bytes, shimDevice);
}

void ShimState::free(void* memory) {
    for (std::size_t device = 0; device < devices.size(); ++device)
        finishDevice(static_cast<int>(device));
    unmap(m_deviceMemory, memory);
}

void ShimState::freePinned(void* memory) {
    for (std::size_t device = 0; device < devices.size(); ++device)
        finishDevice(static_cast<int>(device));
    unmap(m_pinnedMemory, memory);
}

std::uint64_t ShimState::freeBytes(int device) const {
    std::uint64_t used = 0;
    for (const auto& [memory, block] : m_deviceMemory)
        used += block.device == device ? block.bytes : 0;
    const std::uint64_t total = devices[static_cast<std::size_t>(device)].memory_bytes;
    return total - std::min(total, used);
}

void ShimState::enqueue(ShimStream& stream, ShimWork work) {
    if (stream.capturing) {
        stream.captured.push_back(std::move(work));
        return;
    }
    stream.waiting.push_back(std::move(work));
    ++stream.queued;
}

void ShimState::enqueueAccess(ShimStream& stream, const CudaShimAccess& access) {
    enqueue(stream, [this, access] {
        if (watchesAccesses)
            accesses.push_back(access);
    });
}

void ShimState::copyPinned(void* to, const void* from, std::size_t bytes, ShimStream& stream) {
    const auto* begin = static_cast<const std::byte*>(from);
    std::vector<std::byte> asked;
    if (watchesAccesses)
        asked.assign(begin, begin + bytes);
    enqueue(stream, [=, this, device = stream.device, kept = std::move(asked)] {
        const bool changed = !std::equal(kept.begin(), kept.end(), begin);
        if (watchesAccesses)
            accesses.push_back({CudaShimAccess::Kind::Copied, device, to, changed});
        std::memcpy(to, from, bytes);
    });
}

cudaError_t ShimState::copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            ShimStream& stream) {
    const ShimMemory target = kindOf(to, bytes);
    const ShimMemory source = kindOf(from, bytes);
    const bool toDevice = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    const bool fromDevice = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    if ((toDevice && target != ShimMemory::Device) || (fromDevice && source != ShimMemory::Device))
        return cudaErrorInvalidValue;
    if (!areConnected(to, from))
        return cudaErrorPeerAccessNotEnabled;
    const bool pageable = target == ShimMemory::Pageable || source == ShimMemory::Pageable;
    if (!pageable) {
        if (target == ShimMemory::Device && source == ShimMemory::Pinned)
            copyPinned(to, from, bytes, stream);
        else
            enqueue(stream, [=] { std::memcpy(to, from, bytes); });
        return cudaSuccess;
    }
    if (stream.capturing)
        return cudaErrorStreamCaptureUnsupported;
    if (source == ShimMemory::Pageable && bytes <= kStagedBytes) {
        const auto* begin = static_cast<const std::byte*>(from);
        std::vector<std::byte> staged(begin, begin + bytes);
        enqueue(stream,
                [to, kept = std::move(staged)] { std::memcpy(to, kept.data(), kept.size()); });
        return cudaSuccess;
    }
    waitingCopies += toDevice ? 1 : 0;
    if (const cudaError_t endless = wait(stream.device); endless != cudaSuccess)
        return endless;
    stream.finish();
    std::memcpy(to, from, bytes);
    return cudaSuccess;
}

void ShimState::fill(void* memory, int value, std::size_t bytes) {
    constexpr std::size_t kPage = 4096;
    const bool pages = reinterpret_cast<std::uintptr_t>(memory) % kPage == 0 && value == 0;
    const std::size_t whole = pages ? bytes / kPage * kPage : 0;
    if (whole == 0 || madvise(memory, whole, MADV_DONTNEED) != 0)
        std::memset(memory, value, bytes);
    else
        std::memset(static_cast<std::byte*>(memory) + whole, value, bytes - whole);
}

void ShimState::finishDevice(int device) {
    if (hung.contains(device))
        return;
    for (const auto& [address, stream] : streams)
        if (stream->device == device)
            stream->finish();
}

void ShimState::load(const void* kernel) {
    m_loaded[static_cast<std::size_t>(shimDevice)].insert(kernel);
}

void ShimState::unloadKernels() {
    m_loaded[static_cast<std::size_t>(shimDevice)].clear();
}

cudaError_t ShimState::launch(const void* kernel, void** arguments, ShimStream& stream) {
    const auto known = kernels.find(kernel);
    if (known == kernels.end())
        return cudaErrorInvalidDeviceFunction;
    if (stream.device != shimDevice)
        return cudaErrorInvalidResourceHandle;
    if (watching && !m_loaded[static_cast<std::size_t>(shimDevice)].contains(kernel))
        late.insert(known->second);
    load(kernel);
    ++kernelLaunches;
    using Kind = CudaShimAccess::Kind;
    if (known->second.find("embedKernel") != std::string::npos)
        enqueueAccess(stream,
                      {Kind::Embedded, shimDevice, *static_cast<void**>(arguments[kEmbeddedRows])});
    else if (known->second.find(kSamplingArgument) != std::string::npos)
        enqueueAccess(stream, {Kind::Sampled, shimDevice,
                               static_cast<kernels::cuda::Sampling*>(arguments[0])->tokens});
    return cudaSuccess;
}

std::vector<std::uint32_t> ShimState::pinnedWords() const {
    std::vector<std::uint32_t> words;
    for (const auto& [memory, block] : m_pinnedMemory)
        if (block.bytes == sizeof(std::uint32_t)) {
            words.emplace_back();
            std::memcpy(&words.back(), memory, sizeof(std::uint32_t));
        }
    return words;
}

CudaShimHeld ShimState::counts() const {
    CudaShimHeld held;
    held.deviceMemories = m_deviceMemory.size();
    for (const auto& [memory, block] : m_deviceMemory)
        held.device_bytes += block.bytes;
    held.pinnedMemories = m_pinnedMemory.size();
    held.streams = streams.size();
    held.events = events.size();
    held.graphs = graphs.size();
    return held;
}

} // namespace tests
