#include "engine/device/cuda_step_queue.h"

#include "engine/device/cuda_forward.h"
#include "engine/device/cuda_status.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

namespace engine {

cudaError_t CudaStepQueue::allocate(const CudaForward& forward, std::uint32_t slots) {
    m_sampled.assign(slots, false);
    const std::uint64_t batchBytes = forward.batchBytes(forward.pageCapacity());
    for (CudaStaging& staging : m_staging)
        INGLENOOK_CUDA_CHECK(staging.allocate(batchBytes, forward.maxRows()));
    return cudaSuccess;
}

void CudaStepQueue::release() {
    for (CudaStaging& staging : m_staging)
        staging.release();
    m_inFlight.clear();
    m_sampled.clear();
}

Status CudaStepQueue::checkSlot(SlotId slot) const {
    if (slot < m_sampled.size())
        return {};
    return brokenCall("slot " + std::to_string(slot) + " of " + std::to_string(m_sampled.size()));
}

Status CudaStepQueue::checkRoom() const {
    return m_inFlight.size() < kCudaStepsInFlight ? Status()
                                                  : brokenCall("a third ticket in flight");
}

CudaInFlight CudaStepQueue::next(Batch batch, const CudaForward& forward) {
    CudaInFlight flight;
    flight.ticket = m_nextTicket;
    flight.batch = std::move(batch);
    flight.staging = m_nextTicket % kCudaStepsInFlight;
    flight.begin = std::chrono::steady_clock::now();
    flight.described = describeBatch(flight.batch, forward.batchAt(staging(flight).batch));
    flight.described.step.buffer = static_cast<std::uint32_t>(flight.staging);
    flight.described.step.tokens = staging(flight).tokens;
    return flight;
}

cudaError_t CudaStepQueue::grow(const CudaInFlight& flight, std::uint32_t vocabulary) {
    return m_staging[flight.staging].growLogits(flight.described.hostLogits * vocabulary);
}

Ticket CudaStepQueue::push(CudaInFlight flight) {
    flight.launched = std::chrono::steady_clock::now();
    for (const BatchRow& row : flight.batch.rows)
        if (row.want != Want::Nothing && row.slot != kNoSlot)
            m_sampled[row.slot] = true;
    m_inFlight.push_back(std::move(flight));
    return m_nextTicket++;
}

const CudaInFlight* CudaStepQueue::oldest(Ticket ticket) const {
    const bool isOldest = !m_inFlight.empty() && m_inFlight.front().ticket == ticket;
    return isOldest ? &m_inFlight.front() : nullptr;
}

Result<CudaInFlight> CudaStepQueue::pop(Ticket ticket) {
    if (oldest(ticket) == nullptr)
        return brokenCall("ticket " + std::to_string(ticket) + " is not the oldest");
    CudaInFlight flight = std::move(m_inFlight.front());
    m_inFlight.pop_front();
    return flight;
}

void CudaStepQueue::answer(const CudaInFlight& flight, std::uint32_t vocabulary,
                           BatchResult& result) const {
    try {
        answerBatch(flight.batch, staging(flight).tokens, staging(flight).logits, vocabulary,
                    result);
    } catch (const std::bad_alloc&) {
        result.rows.clear();
        result.status =
            Status(Code::OutOfMemory, {{"need", "the logits of a step"}, {"free", "less"}});
    }
}

std::chrono::nanoseconds CudaStepQueue::finish(const CudaInFlight& flight) {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::nanoseconds total = now - std::max(flight.begin, m_collected);
    m_collected = now;
    return total;
}

} // namespace engine
