// CudaExecutor's steps: what puts one on the GPU, and what becomes of it.
#include "engine/device/cuda_executor.h"
#include "engine/device/cuda_status.h"

#include <new>
#include <string>
#include <utility>

namespace engine {

CudaStepLimits CudaExecutor::stepLimits() const {
    return {m_forward->maxRows(), m_forward->context(), m_forward->pageCapacity(), m_kv.pageCount(),
            m_config.vocabularySize};
}

Result<Ticket> CudaExecutor::submit(Batch batch) {
    if (m_forward == nullptr)
        return Status(Code::NoModelLoaded);
    INGLENOOK_TRY(m_steps.checkRoom());
    INGLENOOK_TRY(checkBatch(batch, stepLimits(), m_steps.sampled()));
    INGLENOOK_TRY(note(use()));
    try {
        CudaInFlight flight = m_steps.next(std::move(batch), *m_forward);
        CudaStep& step = flight.described.step;
        step.splits = m_forward->splitsFor(step, flight.described.longest);
        INGLENOOK_TRY(note(cudaStatus(m_steps.grow(flight, m_config.vocabularySize), shortName())));
        if (Status failed = note(launch(flight)); !failed.ok()) {
            if (failed != Code::DeviceLost) // what has begun still reads the staging
                (void)note(awaitAll());
            return failed;
        }
        return m_steps.push(std::move(flight));
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "a step"}, {"free", "less"}});
    }
}

Status CudaExecutor::launch(const CudaInFlight& flight) {
    const std::string name = shortName();
    const CudaStaging& staging = m_steps.staging(flight);
    const CudaStep& step = flight.described.step;
    INGLENOOK_CUDA_TRY(cudaEventRecord(eventsOf(flight.ticket).begun, m_stream), name);
    INGLENOOK_CUDA_TRY(m_forward->upload(flight.described, staging.batch, m_uploads, m_stream),
                       name);
    const bool decodes = step.single() && isPureDecode(flight.batch) && !flight.batch.reproducible;
    cudaGraphExec_t graph = nullptr;
    if (m_clock != nullptr) {
        INGLENOOK_CUDA_TRY(m_clock->prepare(*m_forward, step, decodes, flight.staging, m_stream),
                           name);
        INGLENOOK_CUDA_TRY(
            m_clock->launch(*m_forward, step, staging.logits, flight.staging, m_stream), name);
    } else {
        if (decodes && !m_forward->isObserved())
            INGLENOOK_CUDA_TRY(m_graphs.find(step, *m_forward, m_stream, graph), name);
        INGLENOOK_CUDA_TRY(graph != nullptr ? cudaGraphLaunch(graph, m_stream)
                                            : m_forward->run(step, staging.logits, m_stream),
                           name);
    }
    INGLENOOK_CUDA_TRY(cudaEventRecord(eventsOf(flight.ticket).done, m_stream), name);
    return {};
}

std::uint32_t CudaExecutor::cheapRows() const {
    return m_forward != nullptr ? m_forward->cheapRows() : 0;
}

/// A fault is for collect() to tell.
bool CudaExecutor::isDone(Ticket ticket) const {
    const CudaInFlight* flight = m_steps.oldest(ticket);
    return flight == nullptr || !use().ok() || isCudaDone(eventsOf(ticket).done) ||
           std::chrono::steady_clock::now() > deadlineOf(*flight);
}

BatchResult CudaExecutor::collect(Ticket ticket) {
    BatchResult result;
    const Result<CudaInFlight> oldest = m_steps.pop(ticket);
    if (!oldest.ok()) {
        result.status = oldest.status();
        return result;
    }
    const CudaInFlight& flight = *oldest;
    result.status = note(use());
    if (result.status.ok())
        result.status = note(waited(awaitCudaEvent(eventsOf(ticket).done, deadlineOf(flight))));
    if (result.status.ok() && m_clock != nullptr)
        result.status = note(cudaStatus(
            m_clock->take(flight.staging, flight.batch, flight.described.step), shortName()));
    if (!result.status.ok())
        return result;
    m_steps.answer(flight, m_config.vocabularySize, result);
    result.timings = timingsOf(flight, m_steps.finish(flight).count());
    timeOnDevice(ticket, result.timings);
    return result;
}

void CudaExecutor::timeOnDevice(Ticket ticket, StepTimings& timings) const {
    const auto between_ns = [](cudaEvent_t from, cudaEvent_t to) {
        float elapsed_ms = 0;
        if (cudaEventElapsedTime(&elapsed_ms, from, to) == cudaSuccess)
            return static_cast<std::int64_t>(double{elapsed_ms} * 1e6);
        (void)cudaGetLastError(); // a figure is missing, not a step
        return std::int64_t{0};
    };
    timings.device_ns = between_ns(eventsOf(ticket).begun, eventsOf(ticket).done);
    if (ticket > 1)
        timings.idle_ns = between_ns(eventsOf(ticket - 1).done, eventsOf(ticket).begun);
}

CudaDeadline CudaExecutor::deadlineOf(const CudaInFlight& flight) const {
    return m_steps.startOf(flight) + stepPatience(timingsOf(flight, 0));
}

CudaDeadline CudaExecutor::deadlineOfAll() const {
    CudaDeadline deadline = std::chrono::steady_clock::now() + stepPatience({});
    for (const CudaInFlight& flight : m_steps.all())
        deadline += stepPatience(timingsOf(flight, 0));
    return deadline;
}

Status CudaExecutor::awaitAll() {
    const CudaDeadline deadline = deadlineOfAll();
    // A step that was not launched may have left an upload that no step waits for.
    INGLENOOK_TRY(waited(awaitCudaStream(m_uploads.stream(), deadline)));
    return waited(awaitCudaStream(m_stream, deadline));
}

Status CudaExecutor::waited(cudaError_t answer) {
    m_isLate = m_isLate || answer == kCudaLate;
    return cudaStatus(answer, shortName());
}

StepTimings CudaExecutor::timingsOf(const CudaInFlight& flight, std::int64_t total_ns) const {
    const std::uint64_t weights =
        m_weights.layerBytes() + m_weights.headBytes() * flight.described.step.passes.size();
    return timingsOfBatch(flight.batch, total_ns, weights, m_kv.pageBytes() / kPageTokens);
}

} // namespace engine
