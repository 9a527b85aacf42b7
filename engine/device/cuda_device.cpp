#include "engine/device/cuda_device.h"

#include "engine/device/cuda_arena.h"
#include "engine/device/cuda_status.h"
#include "engine/device/cuda_wait.h"
#include "engine/model/quantize.h"
#include "engine/phrase.h"

#include <algorithm>
#include <map>
#include <mutex>

namespace engine {

namespace {

/// What a block may have on every device since compute capability 8.0.
constexpr std::uint32_t kPortableShared = 99 * 1024;

/// The executors of this process on each device: the driver has one context for all of them.
struct DeviceUsers {
    std::mutex mutex; // held while a context comes or goes
    std::map<int, int> counts;
};
DeviceUsers& deviceUsers() {
    static DeviceUsers users; // the context is the process's, so is the count
    return users;
}

void leaveDevice(int index) {
    DeviceUsers& users = deviceUsers();
    const std::lock_guard lock(users.mutex);
    if (--users.counts[index] > 0 || isAnyCudaHung()) // that one would be waited for
        return;
    (void)cudaSetDevice(index);
    (void)cudaDeviceReset();
    (void)cudaGetLastError();
}

/// Makes it the thread's current device.
cudaError_t enterDevice(int index, std::shared_ptr<void>& use) {
    // Made first, and armed last: where there is no memory for it, nobody has entered.
    auto left = std::make_shared<bool>(true);
    use = std::shared_ptr<void>(nullptr, [index, left](void*) {
        if (!*left)
            leaveDevice(index);
    });
    DeviceUsers& users = deviceUsers();
    const std::lock_guard lock(users.mutex);
    const cudaError_t failed = cudaSetDevice(index);
    if (failed != cudaSuccess)
        return failed;
    ++users.counts[index];
    *left = false;
    return cudaSuccess;
}

} // namespace

Result<OpenedCudaDevice> openCudaDevice(int index) {
    const std::string name = "CUDA " + std::to_string(index);
    const auto missing = [&](std::string reason) {
        return Status(Code::CudaMissing, {{"device", name}, {"reason", std::move(reason)}});
    };
    const auto refuse = [&](std::string reason) {
        return Status(Code::DeviceUnavailable, {{"device", name}, {"reason", std::move(reason)}});
    };
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    if (error == cudaErrorInsufficientDriver)
        return missing(PHRASE("Status",
                              "there is no NVIDIA driver, or it is older than this program "
                              "needs; install or update the driver"));
    if (error == cudaErrorSystemDriverMismatch)
        return refuse(PHRASE("Status", "the NVIDIA driver was updated while it was running; "
                                       "restart the computer"));
    if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0))
        return missing(PHRASE("Status", "no NVIDIA GPU was found"));
    if (error != cudaSuccess)
        return refuse(cudaGetErrorString(error));
    if (index >= count)
        return refuse("this computer has " + std::to_string(count) + " such devices");
    if (isCudaHung(index))
        return refuse(PHRASE("Status", "it stopped answering; restart Inglenook to use it again"));
    cudaDeviceProp properties;
    if (const cudaError_t failed = cudaGetDeviceProperties(&properties, index);
        failed != cudaSuccess)
        return refuse(cudaGetErrorString(failed));
    if (properties.major < 8)
        return missing(std::string(properties.name) + " is older than compute capability 8.0");
    kernels::cuda::DeviceLimits limits;
    limits.hopper = properties.major == 9 && !portablePathForced();
    limits.multiprocessors = static_cast<std::uint32_t>(properties.multiProcessorCount);
    limits.sharedBytes = static_cast<std::uint32_t>(properties.sharedMemPerBlockOptin);
    if (portablePathForced())
        limits.sharedBytes = std::min(limits.sharedBytes, kPortableShared);
    OpenedCudaDevice opened{{}, properties.name, limits};
    const cudaError_t failed = enterDevice(index, opened.use);
    if (failed == cudaErrorDevicesUnavailable) // also what a process gets whose kernel broke it
        return refuse(PHRASE("Status", "another program has it for itself, or it stopped during "
                                       "this session; end that program or restart Inglenook"));
    if (failed == cudaErrorMemoryAllocation)
        return refuse(PHRASE("Status", "its memory is full; end programs that use it"));
    if (failed != cudaSuccess)
        return refuse(cudaGetErrorString(failed));
    return opened;
}

namespace {

/// Whether weights take int8 activations: those with a scale for 128 columns do.
bool hasInt8Products(WeightFormat weights, const TensorSource& source) {
    if (resolveWeightFormat(weights, source) != WeightFormat::Int8)
        return false;
    const std::vector<TensorInfo>& tensors = source.tensors();
    return std::any_of(tensors.begin(), tensors.end(), [&](const TensorInfo& tensor) {
        return tensor.shape.size() > 1 &&
               resolveMatrixFormat(weights, tensor) == MatrixFormat::Int8G128;
    });
}

} // namespace

NumberFormats resolveCudaFormats(NumberFormats requested, const ModelConfig& config,
                                 const TensorSource& source,
                                 const kernels::cuda::DeviceLimits& limits) {
    NumberFormats formats = requested;
    formats.weights = resolveWeightFormat(requested.weights, source);
    const bool f32 = formats.weights == WeightFormat::F32;
    const bool bf16 = formats.weights == WeightFormat::BF16;
    if (formats.activations == ActivationFormat::Auto) // Int8: provisional, see setActivations()
        formats.activations = hasInt8Products(requested.weights, source) ? ActivationFormat::Int8
                              : f32                                      ? ActivationFormat::F32
                                                                         : ActivationFormat::BF16;
    // Neither the portable path nor that of models with LayerNorm has int8 products.
    if (formats.activations == ActivationFormat::Int8 && (!limits.hopper || config.layerNorm))
        formats.activations = ActivationFormat::BF16;
    if (formats.kv == KvFormat::Auto)
        formats.kv = f32 ? KvFormat::F32 : bf16 ? KvFormat::BF16 : KvFormat::Int8;
    return formats;
}

namespace {

/// Milliseconds of the fastest of some passes of `work`, the first left out; 0 when one failed.
template<typename Work>
float fastest(const Work& work, cudaStream_t stream) {
    constexpr int kPasses = 8; // the best of them counts: a limit is not a mean
    cudaEvent_t begin = nullptr;
    cudaEvent_t end = nullptr;
    (void)cudaEventCreate(&begin);
    (void)cudaEventCreate(&end);
    float best_ms = 0;
    for (int pass = 0; pass < kPasses; ++pass) {
        float elapsed_ms = 0;
        (void)cudaEventRecord(begin, stream);
        const cudaError_t launched = work();
        (void)cudaEventRecord(end, stream);
        const bool measured = launched == cudaSuccess && cudaEventSynchronize(end) == cudaSuccess &&
                              cudaEventElapsedTime(&elapsed_ms, begin, end) == cudaSuccess;
        if (measured && pass > 0 && (best_ms == 0 || elapsed_ms < best_ms))
            best_ms = elapsed_ms;
    }
    (void)cudaEventDestroy(begin);
    (void)cudaEventDestroy(end);
    return best_ms;
}

} // namespace

double measureCudaRead(const kernels::cuda::DeviceLimits& limits, const std::string& name,
                       cudaStream_t stream) {
    constexpr std::size_t kBytes = std::size_t{2} << 30;
    CudaArena arena;
    if (!arena.allocate(kBytes + sizeof(std::uint32_t) * 64, name).ok())
        return 0;
    auto* sink = reinterpret_cast<std::uint32_t*>(arena.data() + kBytes);
    const float best_ms =
        fastest([&] { return kernels::cuda::readOnce(arena.data(), kBytes, sink, limits, stream); },
                stream);
    return best_ms > 0 ? static_cast<double>(kBytes) / best_ms / 1e6 : 0;
}

double measureCudaPeak(kernels::cuda::Peak peak, const kernels::cuda::DeviceLimits& limits,
                       const std::string& name, cudaStream_t stream) {
    constexpr std::uint32_t kRounds = 2000; // a few milliseconds
    CudaArena arena;
    if (!arena.allocate(sizeof(float) * 64, name).ok())
        return 0;
    auto* sink = reinterpret_cast<float*>(arena.data());
    std::uint64_t operations = 0;
    const float best_ms = fastest(
        [&] { return kernels::cuda::spin(peak, kRounds, operations, sink, limits, stream); },
        stream);
    return best_ms > 0 ? static_cast<double>(operations) / best_ms / 1e9 : 0;
}

} // namespace engine
