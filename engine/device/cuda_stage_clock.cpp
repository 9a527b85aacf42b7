#include "engine/device/cuda_stage_clock.h"

#include "engine/device/cuda_graphs.h"
#include "engine/device/cuda_status.h"
#include "engine/device/cuda_turns.h"
#include "engine/device/cuda_wait.h"

#include <cmath>

namespace engine {

CudaStageClock::CudaStageClock(const ModelConfig& config, const CudaWeights& weights,
                               const CudaKvPool& kv)
    : m_config(config), m_weights(weights), m_kv(kv) {}

CudaStageClock::~CudaStageClock() {
    if (CudaAbandon::isOn())
        return;
    const CudaQuiet quiet;
    const auto drop = [](const Record& record) {
        if (record.graph != nullptr)
            (void)cudaGraphExecDestroy(record.graph);
        for (const cudaEvent_t event : record.events)
            (void)cudaEventDestroy(event);
    };
    for (const auto& [shape, record] : m_graphs)
        drop(record);
    for (const Record& record : m_others)
        drop(record);
}

cudaError_t CudaStageClock::prepare(CudaForward& forward, const CudaStep& step, bool decodes,
                                    std::size_t ticket, cudaStream_t stream) {
    const std::uint64_t shape = std::uint64_t{step.rows} << 32 | step.splits;
    // A shape that is new runs kernel by kernel, which loads them.
    const bool isNew = decodes && m_seen.insert(shape).second;
    Record& record = decodes && !isNew ? m_graphs[{shape, ticket}] : m_others[ticket];
    if (decodes && !isNew && record.graph == nullptr)
        INGLENOOK_CUDA_CHECK(capture(forward, step, record, stream));
    m_prepared[ticket] = &record;
    return cudaSuccess;
}

cudaError_t CudaStageClock::launch(CudaForward& forward, const CudaStep& step, float* logits,
                                   std::size_t ticket, cudaStream_t stream) {
    m_running[ticket] = nullptr;
    Record& record = *m_prepared[ticket];
    INGLENOOK_CUDA_CHECK(record.graph != nullptr ? cudaGraphLaunch(record.graph, stream)
                                                 : put(forward, step, logits, record, stream));
    m_running[ticket] = &record;
    return cudaSuccess;
}

cudaError_t CudaStageClock::put(CudaForward& forward, const CudaStep& step, float* logits,
                                Record& record, cudaStream_t stream) {
    record.marks.clear();
    m_recording = &record;
    forward.observe(this);
    cudaError_t error = recordEvent(0, stream);
    if (error == cudaSuccess)
        error = forward.run(step, logits, stream);
    forward.observe(nullptr);
    m_recording = nullptr;
    return error;
}

cudaError_t CudaStageClock::capture(CudaForward& forward, const CudaStep& step, Record& record,
                                    cudaStream_t stream) {
    m_capturing = true;
    const cudaError_t error = CudaGraphs::capture(
        [&] { return put(forward, step, nullptr, record, stream); }, stream, record.graph);
    m_capturing = false;
    return error;
}

cudaError_t CudaStageClock::recordEvent(std::size_t index, cudaStream_t stream) {
    std::vector<cudaEvent_t>& events = m_recording->events;
    if (index == events.size()) {
        events.push_back(nullptr);
        if (const cudaError_t error = cudaEventCreate(&events.back()); error != cudaSuccess) {
            events.pop_back();
            return error;
        }
    }
    return cudaEventRecordWithFlags(events[index], stream,
                                    m_capturing ? cudaEventRecordExternal : cudaEventRecordDefault);
}

cudaError_t CudaStageClock::reached(CudaStage stage, std::uint32_t index, cudaStream_t stream) {
    m_recording->marks.push_back({stage, index});
    return recordEvent(m_recording->marks.size(), stream);
}

cudaError_t CudaStageClock::take(std::size_t ticket, const Batch& batch, const CudaStep& step) {
    const Record* record = m_running[ticket];
    if (record == nullptr)
        return cudaSuccess;
    m_running[ticket] = nullptr;
    for (std::size_t i = 0; i < record->marks.size(); ++i) {
        float elapsed_ms = 0;
        INGLENOOK_CUDA_CHECK(
            cudaEventElapsedTime(&elapsed_ms, record->events[i], record->events[i + 1]));
        Sum& sum = m_sums[static_cast<std::size_t>(record->marks[i].stage)];
        sum.time_ns += std::llround(static_cast<double>(elapsed_ms) * 1e6);
        const StageCost cost = costOf(record->marks[i], batch, step);
        sum.cost.bytes += cost.bytes;
        sum.cost.operations += cost.operations;
    }
    return cudaSuccess;
}

std::vector<StageTiming> CudaStageClock::timings() const {
    std::vector<StageTiming> timings;
    for (std::size_t i = 0; i < kCudaStageCount; ++i)
        timings.push_back({name(static_cast<CudaStage>(i)), m_sums[i].time_ns, m_sums[i].cost.bytes,
                           m_sums[i].cost.operations});
    return timings;
}

StageCost CudaStageClock::costOf(const Mark& mark, const Batch& batch, const CudaStep& step) const {
    StageCost cost;
    const std::uint64_t rows = batch.rows.size();
    const auto add = [&cost](const kernels::cuda::Matrix& matrix, std::uint64_t count) {
        cost.bytes += CudaWeights::bytesOf(matrix);
        cost.operations += 2 * count * matrix.rows * matrix.columns;
    };
    static const CudaLayer kNone; // of a pass over the head: not looked at
    const CudaLayer& layer =
        mark.index < m_weights.layers.size() ? m_weights.layers[mark.index] : kNone;
    switch (mark.stage) {
    case CudaStage::Embed:
        cost.bytes = m_weights.embedding.rowBytes() * rows;
        break;
    case CudaStage::Qkv:
        add(layer.query, rows);
        add(layer.key, rows);
        add(layer.value, rows);
        break;
    case CudaStage::Attention:
        for (std::size_t i = 0; i < batch.rows.size(); ++i) {
            const BatchRow& row = batch.rows[i];
            const std::uint64_t positions = row.position + 1ULL;
            cost.operations += 4ULL * m_config.queryWidth() * positions;
            // Rows of a sequence share what they read.
            if (i + 1 == batch.rows.size() || batch.rows[i + 1].table != row.table)
                cost.bytes += positions * m_kv.layout().layerBytes() / kPageTokens;
        }
        break;
    case CudaStage::AttentionOutput:
        add(layer.output, rows);
        break;
    case CudaStage::GateUp:
        if (!m_config.plainMlp)
            add(layer.gate, rows);
        add(layer.up, rows);
        break;
    case CudaStage::Down:
        add(layer.down, rows);
        break;
    case CudaStage::Head:
        add(m_weights.head, step.passes[mark.index].count);
        break;
    case CudaStage::Sample:
        break;
    }
    return cost;
}

} // namespace engine
