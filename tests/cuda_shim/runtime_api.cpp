// The entry points of the CUDA runtime that libinglenook_cuda.so imports.
#include "tests/cuda_shim/state.h"

#include <cstdio>
#include <cstring>
#include <utility>

using tests::ShimEvent;
using tests::ShimGraph;
using tests::ShimState;
using tests::ShimStream;

namespace {

ShimState& state() {
    return ShimState::instance();
}

enum class Does { Work, Else };

/// Answers a call: as the failures say, else as `body` does.
template<typename Body>
cudaError_t answer(const char* call, Does does, const Body& body) {
    std::unique_lock lock(state().mutex);
    state().waitWhileHeld(call, lock);
    cudaError_t error = state().enter(call, does == Does::Work);
    if (error == cudaSuccess)
        error = body();
    if (error != cudaSuccess)
        tests::shimLastError = error;
    return error;
}

/// The same for calls that give something back: it is gone even where the call fails.
template<typename Body>
cudaError_t answerRelease(const char* call, const Body& body) {
    const std::lock_guard lock(state().mutex);
    const cudaError_t error = state().enter(call, false);
    body();
    if (error != cudaSuccess)
        tests::shimLastError = error;
    return error;
}

/// A handle's object, or nullptr. Streams: the default one has no work of its own.
template<typename Object, typename Handle>
Object* find(const std::map<Object*, std::unique_ptr<Object>>& objects, Handle handle) {
    const auto found = objects.find(reinterpret_cast<Object*>(handle));
    return found == objects.end() ? nullptr : found->second.get();
}
ShimStream* streamOf(cudaStream_t stream) {
    return find(state().streams, stream);
}

template<typename Object, typename Handle>
Object& make(std::map<Object*, std::unique_ptr<Object>>& objects, Handle& handle) {
    auto object = std::make_unique<Object>();
    Object& made = *object;
    handle = reinterpret_cast<Handle>(&made);
    objects[&made] = std::move(object);
    return made;
}

/// Work on a stream that exists.
template<typename Body>
cudaError_t onStream(const char* call, Does does, cudaStream_t handle, const Body& body) {
    return answer(call, does, [&] {
        ShimStream* stream = streamOf(handle);
        return stream == nullptr ? cudaErrorInvalidResourceHandle : body(*stream);
    });
}

struct CallConfiguration {
    dim3 grid;
    dim3 block;
    std::size_t shared;
    cudaStream_t stream;
};
thread_local CallConfiguration configuration;

} // namespace

extern "C" {

// ---- what the compiler's code calls
// --------------------------------------------------------------

void** __cudaRegisterFatBinary(void*) {
    static void* handle = nullptr;
    return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterFunction(void**, const char* hostFunction, char*, const char* deviceName, int,
                            uint3*, uint3*, dim3*, dim3*, int*) {
    const std::lock_guard lock(state().mutex);
    state().kernels[hostFunction] = deviceName;
}
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* function) {
    *kernel = reinterpret_cast<cudaKernel_t>(const_cast<void*>(function));
    return cudaSuccess;
}
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, std::size_t shared,
                                     cudaStream_t stream) {
    configuration = {grid, block, shared, stream};
    return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, std::size_t* shared, void* stream) {
    *grid = configuration.grid;
    *block = configuration.block;
    *shared = configuration.shared;
    *static_cast<cudaStream_t*>(stream) = configuration.stream;
    return cudaSuccess;
}
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3, dim3, void** arguments, std::size_t,
                               cudaStream_t stream) {
    return onStream("cudaLaunchKernel", Does::Work, stream, [&](ShimStream& on) {
        return state().launch(reinterpret_cast<const void*>(kernel), arguments, on);
    });
}
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* kernel,
                                void** arguments) {
    return onStream("cudaLaunchKernel", Does::Work, config->stream,
                    [&](ShimStream& on) { return state().launch(kernel, arguments, on); });
}

// ---- devices
// ---------------------------------------------------------------------------------------

cudaError_t cudaGetDeviceCount(int* count) {
    return answer("cudaGetDeviceCount", Does::Else, [&] {
        *count = static_cast<int>(state().devices.size());
        return cudaSuccess;
    });
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
    return answer("cudaGetDeviceProperties", Does::Else, [&] {
        if (device < 0 || static_cast<std::size_t>(device) >= state().devices.size())
            return cudaErrorInvalidDevice;
        const tests::CudaShimDevice& shim = state().devices[static_cast<std::size_t>(device)];
        std::memset(static_cast<void*>(properties), 0, sizeof *properties);
        std::snprintf(properties->name, sizeof properties->name, "Shim %d", device);
        properties->major = shim.major;
        properties->totalGlobalMem = shim.memory_bytes;
        properties->multiProcessorCount = 132;
        properties->sharedMemPerBlockOptin = 227 * 1024;
        return cudaSuccess;
    });
}
cudaError_t cudaSetDevice(int device) {
    const std::lock_guard lock(state().mutex);
    const bool exists = device >= 0 && static_cast<std::size_t>(device) < state().devices.size();
    if (exists)
        tests::shimDevice = device; // whose failures count from now on
    const cudaError_t failure = state().enter("cudaSetDevice", false);
    const cudaError_t error = exists ? failure : cudaErrorInvalidDevice;
    if (error != cudaSuccess)
        tests::shimLastError = error;
    return error;
}
cudaError_t cudaDeviceSynchronize() {
    return answer("cudaDeviceSynchronize", Does::Else, [] {
        state().finishDevice(tests::shimDevice);
        return state().wait(tests::shimDevice);
    });
}
cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
    return answer("cudaDeviceCanAccessPeer", Does::Else, [&] {
        *can = state().reach(device, peer) ? 1 : 0;
        return cudaSuccess;
    });
}
cudaError_t cudaDeviceEnablePeerAccess(int, unsigned) {
    return answer("cudaDeviceEnablePeerAccess", Does::Else, [] { return cudaSuccess; });
}

// ---- errors
// ----------------------------------------------------------------------------------------

cudaError_t cudaGetLastError() {
    const cudaError_t last = tests::shimLastError;
    tests::shimLastError = cudaSuccess;
    return last;
}
const char* cudaGetErrorString(cudaError_t error) {
    switch (error) {
    case cudaSuccess:
        return "no error";
    case cudaErrorMemoryAllocation:
        return "out of memory";
    case cudaErrorIllegalAddress:
        return "an illegal memory access was encountered";
    case cudaErrorLaunchFailure:
        return "unspecified launch failure";
    case cudaErrorSystemDriverMismatch:
        return "system has unsupported display driver / cuda driver combination";
    default:
        return "another error";
    }
}

// ---- memory
// ----------------------------------------------------------------------------------------

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
    return answer("cudaMemGetInfo", Does::Else, [&] {
        *free = state().freeBytes(tests::shimDevice);
        *total = state().devices[static_cast<std::size_t>(tests::shimDevice)].memory_bytes;
        return cudaSuccess;
    });
}
/// Kernels have to be loaded again; what executors hold is theirs to give back before.
cudaError_t cudaDeviceReset() {
    return answerRelease("cudaDeviceReset", [] { state().unloadKernels(); });
}
cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
    return answer("cudaMalloc", Does::Work, [&] {
        const cudaError_t endless = state().wait(tests::shimDevice);
        return endless == cudaSuccess ? state().allocate(memory, bytes) : endless;
    });
}
cudaError_t cudaFree(void* memory) {
    return answerRelease("cudaFree", [&] {
        if (state().wait(tests::shimDevice) == cudaSuccess)
            state().free(memory);
    });
}
cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
    return answer("cudaMallocHost", Does::Work,
                  [&] { return state().allocatePinned(memory, bytes); });
}
cudaError_t cudaHostAlloc(void** memory, std::size_t bytes, unsigned) {
    return answer("cudaHostAlloc", Does::Work,
                  [&] { return state().allocatePinned(memory, bytes); });
}
cudaError_t cudaFreeHost(void* memory) {
    return answerRelease("cudaFreeHost", [&] {
        if (state().wait(-1) == cudaSuccess)
            state().freePinned(memory);
    });
}

cudaError_t cudaMemset(void* memory, int value, std::size_t bytes) {
    return answer("cudaMemset", Does::Work, [&] {
        if (state().kindOf(memory, bytes) != tests::ShimMemory::Device)
            return cudaErrorInvalidValue;
        ShimState::fill(memory, value, bytes);
        return cudaSuccess;
    });
}
cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream) {
    return onStream("cudaMemsetAsync", Does::Work, stream, [&](ShimStream& on) {
        if (state().kindOf(memory, bytes) != tests::ShimMemory::Device)
            return cudaErrorInvalidValue;
        state().enqueue(on, [=] { ShimState::fill(memory, value, bytes); });
        return cudaSuccess;
    });
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
    return answer("cudaMemcpy", Does::Work, [&] {
        ShimStream now;
        now.device = tests::shimDevice;
        const cudaError_t error = state().copy(to, from, bytes, kind, now);
        now.finish();
        return error;
    });
}
cudaError_t cudaMemcpy2D(void* to, std::size_t toPitch, const void* from, std::size_t fromPitch,
                         std::size_t width, std::size_t height, cudaMemcpyKind kind) {
    return answer("cudaMemcpy2D", Does::Work, [&] {
        ShimStream now;
        now.device = tests::shimDevice;
        cudaError_t error =
            width > toPitch || width > fromPitch ? cudaErrorInvalidPitchValue : cudaSuccess;
        for (std::size_t row = 0; row < height && error == cudaSuccess; ++row)
            error = state().copy(static_cast<std::byte*>(to) + row * toPitch,
                                 static_cast<const std::byte*>(from) + row * fromPitch, width, kind,
                                 now);
        now.finish();
        return error;
    });
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
    return onStream("cudaMemcpyAsync", Does::Work, stream,
                    [&](ShimStream& on) { return state().copy(to, from, bytes, kind, on); });
}

// ---- streams and events
// ----------------------------------------------------------------------------

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    return answer("cudaStreamCreateWithFlags", Does::Else, [&] {
        make(state().streams, *stream).device = tests::shimDevice;
        return cudaSuccess;
    });
}
cudaError_t cudaStreamDestroy(cudaStream_t handle) {
    return answerRelease("cudaStreamDestroy", [&] {
        ShimStream* stream = streamOf(handle);
        if (stream == nullptr || state().wait(stream->device) != cudaSuccess)
            return;
        stream->finish();
        for (const auto& [address, event] : state().events)
            if (event->stream == stream)
                event->stream = nullptr;
        state().streams.erase(stream);
    });
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    return onStream("cudaStreamSynchronize", Does::Else, stream, [](ShimStream& on) {
        if (on.capturing)
            return cudaErrorStreamCaptureUnsupported;
        const cudaError_t endless = state().wait(on.device);
        if (endless == cudaSuccess)
            on.finish();
        return endless;
    });
}
/// The work is done when somebody asks.
cudaError_t cudaStreamQuery(cudaStream_t stream) {
    return onStream("cudaStreamQuery", Does::Else, stream, [](ShimStream& on) {
        if (state().hung.contains(on.device))
            return cudaErrorNotReady;
        on.finish();
        return cudaSuccess;
    });
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
    return answer("cudaEventCreate", Does::Else, [&] {
        make(state().events, *event);
        return cudaSuccess;
    });
}
cudaError_t cudaEventCreate(cudaEvent_t* event) {
    return cudaEventCreateWithFlags(event, 0);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
    return answerRelease("cudaEventDestroy",
                         [&] { state().events.erase(reinterpret_cast<ShimEvent*>(event)); });
}
cudaError_t cudaEventRecord(cudaEvent_t handle, cudaStream_t stream) {
    return onStream("cudaEventRecord", Does::Work, stream, [&](ShimStream& on) {
        ShimEvent* event = find(state().events, handle);
        if (event == nullptr)
            return cudaErrorInvalidResourceHandle;
        *event = {&on, on.queued, false};
        return cudaSuccess;
    });
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t handle, unsigned) {
    return onStream("cudaStreamWaitEvent", Does::Work, stream, [&](ShimStream& on) {
        const ShimEvent* event = find(state().events, handle);
        if (event == nullptr)
            return cudaErrorInvalidResourceHandle;
        if (event->stream != nullptr && event->stream != &on)
            state().enqueue(on, [other = event->stream, position = event->position] {
                if (state().streams.contains(other))
                    other->finish(position);
            });
        return cudaSuccess;
    });
}
/// Whoever asks twice is answered: the work is done then.
cudaError_t cudaEventQuery(cudaEvent_t handle) {
    return answer("cudaEventQuery", Does::Else, [&] {
        ShimEvent* event = find(state().events, handle);
        if (event == nullptr)
            return cudaErrorInvalidResourceHandle;
        if (event->stream == nullptr || event->stream->done() >= event->position)
            return cudaSuccess;
        if (state().hung.contains(event->stream->device) || !std::exchange(event->asked, true))
            return cudaErrorNotReady;
        event->stream->finish(event->position);
        return cudaSuccess;
    });
}
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned) {
    return cudaEventRecord(event, stream);
}
cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
    return answer("cudaEventSynchronize", Does::Else, [&] {
        const ShimEvent* event = find(state().events, handle);
        if (event == nullptr)
            return cudaErrorInvalidResourceHandle;
        if (event->stream == nullptr || event->stream->done() >= event->position)
            return cudaSuccess;
        const cudaError_t endless = state().wait(event->stream->device);
        if (endless == cudaSuccess)
            event->stream->finish(event->position);
        return endless;
    });
}
cudaError_t cudaEventElapsedTime(float* elapsed_ms, cudaEvent_t, cudaEvent_t) {
    return answer("cudaEventElapsedTime", Does::Else, [&] {
        *elapsed_ms = 1;
        return cudaSuccess;
    });
}

// ---- graphs
// ----------------------------------------------------------------------------------------

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    return onStream("cudaStreamBeginCapture", Does::Work, stream, [](ShimStream& on) {
        on.capturing = true;
        on.captured.clear();
        return cudaSuccess;
    });
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
    return onStream("cudaStreamIsCapturing", Does::Else, stream, [&](ShimStream& on) {
        *status = on.capturing ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
        return cudaSuccess;
    });
}
/// Ends the capture even where it fails.
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    *graph = nullptr;
    const cudaError_t error =
        onStream("cudaStreamEndCapture", Does::Else, stream, [&](ShimStream& on) {
            make(state().graphs, *graph).work = on.captured;
            return cudaSuccess;
        });
    const std::lock_guard lock(state().mutex);
    if (ShimStream* on = streamOf(stream); on != nullptr)
        on->capturing = false;
    return error;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
    return answer("cudaGraphInstantiate", Does::Work, [&] {
        const ShimGraph* from = find(state().graphs, graph);
        if (from == nullptr)
            return cudaErrorInvalidValue;
        std::vector<tests::ShimWork> work = from->work;
        make(state().graphs, *exec).work = std::move(work);
        return cudaSuccess;
    });
}
cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t) {
    return answer("cudaGraphUpload", Does::Work, [] { return cudaSuccess; });
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
    return onStream("cudaGraphLaunch", Does::Work, stream, [&](ShimStream& on) {
        const ShimGraph* graph = find(state().graphs, exec);
        if (graph == nullptr)
            return cudaErrorInvalidResourceHandle;
        for (const tests::ShimWork& work : graph->work)
            state().enqueue(on, work);
        ++state().graphLaunches;
        return cudaSuccess;
    });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    return answerRelease("cudaGraphDestroy",
                         [&] { state().graphs.erase(reinterpret_cast<ShimGraph*>(graph)); });
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
    return answerRelease("cudaGraphExecDestroy",
                         [&] { state().graphs.erase(reinterpret_cast<ShimGraph*>(exec)); });
}

// ---- kernels
// ---------------------------------------------------------------------------------------

cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) {
    return answer("cudaFuncSetAttribute", Does::Else, [] { return cudaSuccess; });
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes*, const void* kernel) {
    return answer("cudaFuncGetAttributes", Does::Else, [&] {
        state().load(kernel);
        return cudaSuccess;
    });
}
cudaError_t cudaOccupancyMaxActiveClusters(int* count, const void*, const cudaLaunchConfig_t*) {
    return answer("cudaOccupancyMaxActiveClusters", Does::Else, [&] {
        *count = 66;
        return cudaSuccess;
    });
}
/// Every function of the driver does nothing and succeeds.
cudaError_t cudaGetDriverEntryPointByVersion(const char*, void** function, unsigned,
                                             unsigned long long,
                                             cudaDriverEntryPointQueryResult* result) {
    return answer("cudaGetDriverEntryPointByVersion", Does::Else, [&] {
        *function = reinterpret_cast<void*>(+[]() -> int { return 0; });
        *result = cudaDriverEntryPointSuccess;
        return cudaSuccess;
    });
}

} // extern "C"
