// The fused kernels of models with LayerNorm and GELU: against slow twins in double on odd and real
// shapes, and their time beside the same work in separate operations (bias, sum, norm, GELU,
// rounding: a kernel each). Needs a GPU; no model, no engine.
// usage: inglenook_layernorm_check [check|time]...   default: both
// Exit code 1 when a kernel is further from its twin than 1e-5 (2e-3 after rounding to bf16).
#include "kernels/cuda/common.cuh"
#include "kernels/cuda_layernorm.h"
#include "tests/bench/case_share.h"
#include "tests/bench/check_bed.cuh"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

using namespace kernels::cuda;

namespace {

std::vector<void*> g_allocated;
/// Filled with NaN.
template<typename T>
T* allocate(std::size_t count) {
    void* memory = nullptr;
    CHECK(cudaMalloc(&memory, count * sizeof(T) + 256));
    CHECK(cudaMemset(memory, 0xFF, count * sizeof(T) + 256));
    g_allocated.push_back(memory);
    return static_cast<T*>(memory);
}
void freeAll() {
    CHECK(cudaDeviceSynchronize());
    for (void* memory : g_allocated)
        (void)cudaFree(memory);
    g_allocated.clear();
}
template<typename T>
std::vector<T> toHost(const T* memory, std::size_t count) {
    std::vector<T> values(count);
    CHECK(cudaMemcpy(values.data(), memory, count * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
}
template<typename T>
T* toDevice(const std::vector<T>& values) {
    T* memory = allocate<T>(values.size());
    CHECK(cudaMemcpy(memory, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
    return memory;
}

std::uint32_t padded(std::uint32_t columns) {
    return (columns + kColumnPadding - 1) / kColumnPadding * kColumnPadding;
}

/// Rows of random numbers, NaN behind the last column.
std::vector<float> randomRows(std::uint32_t rows, std::uint32_t columns, std::uint32_t stride,
                              float mean, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(mean, 1);
    std::vector<float> values(std::size_t{rows} * stride, NAN);
    for (std::uint32_t row = 0; row < rows; ++row)
        for (std::uint32_t k = 0; k < columns; ++k)
            values[std::size_t{row} * stride + k] = normal(random);
    return values;
}

enum class Form { Floats, Plain, Prepared };
const char* const kFormNames[] = {"fp32", "bf16", "bf16 prepared"};

/// What rows hold, whatever their form, [rows][columns]. False: padding is not zero.
bool readTarget(const RowTarget& target, Form form, std::uint32_t rows, std::uint32_t columns,
                std::vector<float>& values) {
    values.resize(std::size_t{rows} * columns);
    if (form == Form::Floats) {
        const std::vector<float> all = toHost(target.values, std::size_t{rows} * target.stride);
        for (std::uint32_t row = 0; row < rows; ++row)
            std::copy_n(all.begin() + std::size_t{row} * target.stride, columns,
                        values.begin() + std::size_t{row} * columns);
        return true;
    }
    const auto bits = toHost(target.rounded, std::size_t{rows} * target.stride);
    bool clean = true;
    for (std::uint32_t row = 0; row < rows; ++row)
        for (std::uint32_t k = 0; k < target.stride; ++k) {
            const std::uint32_t place = k / 64 * 64 + k % 16 / 4 * 16 + k % 64 / 16 * 2 + k % 2 +
                                        k % 4 / 2 * 8; // prepared order
            const std::size_t at =
                std::size_t{row} * target.stride + (form == Form::Prepared ? place : k);
            const std::uint32_t word = std::uint32_t{bits[at]} << 16;
            float value = 0;
            std::memcpy(&value, &word, 4);
            if (k < columns)
                values[std::size_t{row} * columns + k] = value;
            else
                clean = clean && word == 0;
        }
    return clean;
}

RowTarget makeTarget(Form form, std::uint32_t rows, std::uint32_t columns) {
    RowTarget target;
    target.stride = form == Form::Floats ? (columns + 3) / 4 * 4 : padded(columns);
    target.prepared = form == Form::Prepared;
    if (form == Form::Floats)
        target.values = allocate<float>(std::size_t{rows} * target.stride);
    else
        target.rounded = allocate<std::uint16_t>(std::size_t{rows} * target.stride);
    return target;
}

double distance(const std::vector<float>& fast, const std::vector<double>& slow) {
    double difference = 0;
    double norm = 0;
    for (std::size_t i = 0; i < slow.size(); ++i) {
        difference += (fast[i] - slow[i]) * (fast[i] - slow[i]);
        norm += slow[i] * slow[i];
    }
    return std::sqrt(difference / norm);
}
int judge(const std::string& name, double error, Form form, bool clean) {
    const double limit = form == Form::Floats ? 1e-5 : 2e-3;
    const bool good = std::isfinite(error) && error <= limit && clean;
    std::printf("%-52s %.2e %s\n", name.c_str(), error, good ? "ok" : "FAILED");
    return good ? 0 : 1;
}

/// `mapped`: every second row of the residual alone.
int checkNorm(std::uint32_t rows, std::uint32_t columns, Form form, bool adds, bool mapped) {
    if (!tests::isMyCase())
        return 0;
    const std::uint32_t stride = padded(columns);
    const std::uint32_t all = mapped ? 2 * rows : rows;
    // A mean of 30 beside a deviation of 1: a sum of squares would lose it.
    const auto residual = randomRows(all, columns, stride, 30, 1);
    const auto added = randomRows(all, columns, stride + 4, 0, 2);
    const auto addedBias = randomRows(1, columns, columns, 0, 3);
    const auto weight = randomRows(1, columns, columns, 1, 4);
    const auto bias = randomRows(1, columns, columns, 0, 5);
    std::vector<std::uint32_t> map;
    for (std::uint32_t row = 0; row < rows; ++row)
        map.push_back(mapped ? 2 * row + 1 : row);
    AddLayerNorm task;
    task.residual = toDevice(residual);
    task.stride = stride;
    task.added = adds ? toDevice(added) : nullptr;
    task.addedStride = stride + 4;
    task.addedBias = adds ? toDevice(addedBias) : nullptr;
    task.rowMap = mapped ? toDevice(map) : nullptr;
    task.weight = toDevice(weight);
    task.bias = toDevice(bias);
    task.eps = 1e-5F;
    task.rows = rows;
    task.columns = columns;
    task.out = makeTarget(form, rows, columns);
    CHECK(addLayerNorm(task, nullptr));
    CHECK(cudaDeviceSynchronize());
    const auto after = toHost(task.residual, residual.size());
    std::vector<double> expected;
    std::vector<double> sums;
    std::vector<float> kept;
    for (std::uint32_t i = 0; i < rows; ++i) {
        const std::size_t row = map[i];
        std::vector<double> x;
        for (std::uint32_t k = 0; k < columns; ++k) {
            x.push_back(residual[row * stride + k] +
                        (adds ? double{added[row * (stride + 4) + k]} + addedBias[k] : 0.0));
            kept.push_back(after[row * stride + k]);
        }
        sums.insert(sums.end(), x.begin(), x.end());
        double mean = 0;
        double variance = 0;
        for (const double value : x)
            mean += value / columns;
        for (const double value : x)
            variance += (value - mean) * (value - mean) / columns;
        for (std::uint32_t k = 0; k < columns; ++k)
            expected.push_back((x[k] - mean) / std::sqrt(variance + 1e-5) * weight[k] + bias[k]);
    }
    std::vector<float> fast;
    const bool clean = readTarget(task.out, form, rows, columns, fast);
    const double error = std::max(distance(fast, expected), distance(kept, sums));
    freeAll();
    return judge("sum, LayerNorm " + std::to_string(rows) + " x " + std::to_string(columns) + " " +
                     kFormNames[static_cast<int>(form)] + (adds ? " added" : "") +
                     (mapped ? " mapped" : ""),
                 error, form, clean);
}

int checkGelu(std::uint32_t rows, std::uint32_t columns, Form form) {
    if (!tests::isMyCase())
        return 0;
    const std::uint32_t stride = padded(columns);
    const auto x = randomRows(rows, columns, stride, 0, 6);
    const auto bias = randomRows(1, columns, columns, 0, 7);
    BiasGelu task;
    task.x = toDevice(x);
    task.stride = stride;
    task.bias = toDevice(bias);
    task.rows = rows;
    task.columns = columns;
    task.out = makeTarget(form, rows, columns);
    CHECK(biasGelu(task, nullptr));
    CHECK(cudaDeviceSynchronize());
    std::vector<double> expected;
    for (std::uint32_t row = 0; row < rows; ++row)
        for (std::uint32_t k = 0; k < columns; ++k) {
            const double y = double{x[std::size_t{row} * stride + k]} + bias[k];
            expected.push_back(y / 2 *
                               (1 + std::tanh(0.79788456080286536 * (y + 0.044715 * y * y * y))));
        }
    std::vector<float> fast;
    const bool clean = readTarget(task.out, form, rows, columns, fast);
    const double error = distance(fast, expected);
    freeAll();
    return judge("bias, GELU " + std::to_string(rows) + " x " + std::to_string(columns) + " " +
                     kFormNames[static_cast<int>(form)],
                 error, form, clean);
}

int checkAll() {
    int failures = 0;
    for (const Form form : {Form::Floats, Form::Plain, Form::Prepared}) {
        for (const std::uint32_t columns : {2U, 67U, 128U, 129U, 768U, 1600U, 4095U, 4097U, 9000U})
            failures += checkNorm(3, columns, form, true, false);
        failures += checkNorm(1, 768, form, false, false);
        failures += checkNorm(300, 1600, form, true, true);
        failures += checkNorm(2, 5001, form, false, true);
        for (const std::uint32_t columns : {1U, 3U, 130U, 512U, 3072U, 6401U})
            failures += checkGelu(5, columns, form);
        failures += checkGelu(1, 6400, form);
    }
    std::printf("%d failed\n", failures);
    return failures == 0 ? 0 : 1;
}

// ---- the same work in separate operations
// --------------------------------------------------------

constexpr int kThreads = 256;

__global__ void addBiasKernel(float* x, const float* bias, std::uint32_t columns) {
    const std::uint32_t k = blockIdx.x * kThreads + threadIdx.x;
    if (k < columns)
        x[std::size_t{blockIdx.y} * columns + k] += bias[k];
}
__global__ void addKernel(float* x, const float* y, std::uint32_t columns) {
    const std::uint32_t k = blockIdx.x * kThreads + threadIdx.x;
    if (k < columns)
        x[std::size_t{blockIdx.y} * columns + k] += y[std::size_t{blockIdx.y} * columns + k];
}
__global__ void geluKernel(float* x, std::uint32_t columns) {
    const std::uint32_t k = blockIdx.x * kThreads + threadIdx.x;
    if (k >= columns)
        return;
    float& v = x[std::size_t{blockIdx.y} * columns + k];
    v = 0.5F * v * (1.0F + tanhf(0.7978845608F * (v + 0.044715F * v * v * v)));
}
__global__ void roundKernel(const float* x, std::uint16_t* out, std::uint32_t columns) {
    const std::uint32_t k = blockIdx.x * kThreads + threadIdx.x;
    if (k < columns)
        out[std::size_t{blockIdx.y} * columns + k] =
            __bfloat16_as_ushort(__float2bfloat16_rn(x[std::size_t{blockIdx.y} * columns + k]));
}

/// Microseconds of `work(i)`, a graph of 40 over operands that rotate, median of 9.
double timeOf(const std::function<void(int, cudaStream_t)>& work) {
    constexpr int kLaunches = 40;
    cudaStream_t stream = nullptr;
    CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    work(0, stream); // loads the kernels
    CHECK(cudaStreamSynchronize(stream));
    CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    for (int i = 0; i < kLaunches; ++i)
        work(i, stream);
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    CHECK(cudaStreamEndCapture(stream, &graph));
    CHECK(cudaGraphInstantiate(&exec, graph, 0));
    cudaEvent_t begin = nullptr;
    cudaEvent_t end = nullptr;
    CHECK(cudaEventCreate(&begin));
    CHECK(cudaEventCreate(&end));
    std::vector<float> times;
    for (int pass = 0; pass < 10; ++pass) {
        CHECK(cudaEventRecord(begin, stream));
        CHECK(cudaGraphLaunch(exec, stream));
        CHECK(cudaEventRecord(end, stream));
        CHECK(cudaEventSynchronize(end));
        float elapsed_ms = 0;
        CHECK(cudaEventElapsedTime(&elapsed_ms, begin, end));
        if (pass > 0)
            times.push_back(elapsed_ms);
    }
    std::nth_element(times.begin(), times.begin() + 4, times.end());
    (void)cudaEventDestroy(begin);
    (void)cudaEventDestroy(end);
    (void)cudaGraphExecDestroy(exec);
    (void)cudaGraphDestroy(graph);
    (void)cudaStreamDestroy(stream);
    return times[4] * 1e3 / kLaunches;
}

/// Sets of operands, so that together they pass 200 MB where one alone is worth it.
int setsOf(std::size_t bytes) {
    return static_cast<int>(std::clamp<std::size_t>((std::size_t{200} << 20) / bytes + 1, 1, 40));
}

void timeNorm(std::uint32_t rows, std::uint32_t columns) {
    const std::size_t count = std::size_t{rows} * columns;
    const int sets = setsOf(count * 10);
    std::vector<float*> residuals;
    std::vector<float*> added;
    std::vector<float*> normed;
    std::vector<std::uint16_t*> rounded;
    for (int i = 0; i < sets; ++i) {
        residuals.push_back(toDevice(randomRows(rows, columns, columns, 0, 1)));
        added.push_back(toDevice(randomRows(rows, columns, columns, 0, 2)));
        normed.push_back(allocate<float>(count));
        rounded.push_back(allocate<std::uint16_t>(count));
    }
    const float* addedBias = toDevice(randomRows(1, columns, columns, 0, 3));
    const float* weight = toDevice(randomRows(1, columns, columns, 1, 4));
    const float* bias = toDevice(randomRows(1, columns, columns, 0, 5));
    const auto taskOf = [&](int set) {
        AddLayerNorm task;
        task.residual = residuals[set];
        task.stride = task.addedStride = columns;
        task.weight = weight;
        task.bias = bias;
        task.eps = 1e-5F;
        task.rows = rows;
        task.columns = columns;
        task.out.stride = columns;
        return task;
    };
    const double fused = timeOf([&](int i, cudaStream_t stream) {
        AddLayerNorm task = taskOf(i % sets);
        task.added = added[i % sets];
        task.addedBias = addedBias;
        task.out.rounded = rounded[i % sets];
        CHECK(addLayerNorm(task, stream));
    });
    const double separate = timeOf([&](int i, cudaStream_t stream) {
        const dim3 grid(ceilDivide(columns, kThreads), rows);
        const int set = i % sets;
        addBiasKernel<<<grid, kThreads, 0, stream>>>(added[set], addedBias, columns);
        addKernel<<<grid, kThreads, 0, stream>>>(residuals[set], added[set], columns);
        AddLayerNorm task = taskOf(set);
        task.out.values = normed[set];
        CHECK(addLayerNorm(task, stream));
        roundKernel<<<grid, kThreads, 0, stream>>>(normed[set], rounded[set], columns);
    });
    // Read residual and addend, write residual and bf16.
    const double bytes = static_cast<double>(count) * (4 + 4 + 4 + 2);
    std::printf("sum, LayerNorm, bf16 %5u x %5u  fused %7.2f us %6.0f GB/s  separate %7.2f us  "
                "%.2f times\n",
                rows, columns, fused, bytes / fused / 1e3, separate, separate / fused);
    freeAll();
}

void timeGelu(std::uint32_t rows, std::uint32_t columns) {
    const std::size_t count = std::size_t{rows} * columns;
    const int sets = setsOf(count * 6);
    std::vector<float*> x;
    std::vector<std::uint16_t*> rounded;
    for (int i = 0; i < sets; ++i) {
        x.push_back(toDevice(randomRows(rows, columns, columns, 0, 1)));
        rounded.push_back(allocate<std::uint16_t>(count));
    }
    const float* bias = toDevice(std::vector<float>(columns, 0.0F)); // added again and again
    const double fused = timeOf([&](int i, cudaStream_t stream) {
        BiasGelu task;
        task.x = x[i % sets];
        task.stride = columns;
        task.bias = bias;
        task.rows = rows;
        task.columns = columns;
        task.out.rounded = rounded[i % sets];
        task.out.stride = columns;
        CHECK(biasGelu(task, stream));
    });
    const double separate = timeOf([&](int i, cudaStream_t stream) {
        const dim3 grid(ceilDivide(columns, kThreads), rows);
        float* values = x[i % sets];
        addBiasKernel<<<grid, kThreads, 0, stream>>>(values, bias, columns);
        geluKernel<<<grid, kThreads, 0, stream>>>(values, columns);
        roundKernel<<<grid, kThreads, 0, stream>>>(values, rounded[i % sets], columns);
    });
    const double bytes = static_cast<double>(count) * (4 + 2);
    std::printf("bias, GELU, bf16     %5u x %5u  fused %7.2f us %6.0f GB/s  separate %7.2f us  "
                "%.2f times\n",
                rows, columns, fused, bytes / fused / 1e3, separate, separate / fused);
    freeAll();
}

} // namespace

int main(int argc, char** argv) {
    const auto time = [] {
        for (const std::uint32_t rows : {1U, 8U, 128U, 2048U})
            for (const std::uint32_t columns : {768U, 1664U}) { // gpt2, gpt2-xl padded to 128
                timeNorm(rows, columns);
                timeGelu(rows, 4 * columns);
            }
        return 0;
    };
    return tests::runParts(argc, argv, {{"check", checkAll}, {"time", time}});
}
