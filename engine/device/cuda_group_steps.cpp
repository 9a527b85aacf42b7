// CudaGroupExecutor's steps: what puts one on all GPUs, and what becomes of it.
#include "engine/device/cuda_group_executor.h"
#include "engine/device/cuda_status.h"
#include "engine/device/cuda_turns.h"

#include <algorithm>
#include <new>

namespace engine {

namespace {

constexpr std::size_t kTicketsInFlight = 2;

} // namespace

Status CudaGroupExecutor::mayRun(const Batch& batch) {
    if (!m_loaded)
        return Status(Code::NoModelLoaded);
    const CudaForward& forward = m_ranks.front()->forward();
    INGLENOOK_TRY(checkBatch(batch,
                             {forward.maxRows(), forward.context(), forward.pageCapacity(),
                              m_ranks.front()->kv().pageCount(), m_config.vocabularySize},
                             m_sampled));
    return note(use());
}

Result<Ticket> CudaGroupExecutor::submit(Batch batch) {
    if (m_loaded && m_inFlight.size() >= kTicketsInFlight)
        return brokenCall("a third ticket in flight");
    INGLENOOK_TRY(mayRun(batch));
    const CudaForward& forward = m_ranks.front()->forward();
    try {
        InFlight flight;
        flight.ticket = m_nextTicket;
        flight.batch = std::move(batch);
        flight.staging = m_nextTicket % kTicketsInFlight;
        flight.begin = std::chrono::steady_clock::now();
        CudaStaging& staging = m_staging[flight.staging];
        flight.described = describeBatch(flight.batch, forward.batchAt(staging.batch));
        INGLENOOK_TRY(note(
            cudaStatus(staging.growLogits(flight.described.hostLogits * m_config.vocabularySize),
                       shortName())));
        if (Status failed = note(launch(flight)); !failed.ok()) {
            if (failed != Code::DeviceLost) // what has begun still reads the staging
                (void)note(awaitAll());
            return failed;
        }
        flight.launched = std::chrono::steady_clock::now();
        for (const BatchRow& row : flight.batch.rows)
            if (row.want != Want::Nothing && row.slot != kNoSlot)
                m_sampled[row.slot] = true;
        m_inFlight.push_back(std::move(flight));
        return m_nextTicket++;
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "a step"}, {"free", "less"}});
    }
}

bool CudaGroupExecutor::isPlainDecode(const InFlight& flight) {
    return flight.described.step.single() && isPureDecode(flight.batch) &&
           !flight.batch.reproducible;
}

Status CudaGroupExecutor::launch(const InFlight& flight) {
    const DescribedBatch& described = flight.described;
    const CudaStaging& staging = m_staging[flight.staging];
    const bool decodes = isPlainDecode(flight);
    INGLENOOK_TRY(m_threads.run(
        [&](std::uint32_t rank) { return m_ranks[rank]->prepare(described, decodes); }));
    std::vector<int> devices;
    std::vector<CudaTurn::Done> done;
    for (const auto& rank : m_ranks) {
        devices.push_back(rank->device());
        done.push_back({rank->device(), rank->doneEvent(flight.staging)});
    }
    CudaTurn turn(this, devices, kernelPatience());
    if (!turn.came())
        return Status(Code::DeviceLost,
                      {{"device", shortName()}, {"reason", "a launch on it never returned"}});
    Status launched = m_threads.run([&](std::uint32_t index) {
        CudaRank& rank = *m_ranks[index];
        INGLENOOK_TRY(rank.use());
        INGLENOOK_CUDA_TRY(turn.follow(rank.device(), rank.stream()), rank.name());
        return rank.launch(described, staging.batch, index == 0 ? staging.logits : nullptr,
                           index == 0 ? staging.tokens : nullptr, flight.staging);
    });
    if (launched.ok())
        turn.passOn(done);
    if (launched.ok() || launched == Code::DeviceLost)
        return launched;
    // Kernels of the other ranks wait for what was not launched.
    return Status(Code::DeviceLost,
                  {{"device", shortName()}, {"reason", "a step began on some of the GPUs only"}});
}

Status CudaGroupExecutor::checkFault() {
    if (m_fault == nullptr)
        return {};
    const std::uint32_t fault = *static_cast<volatile std::uint32_t*>(m_fault);
    if (fault == 0)
        return {};
    const std::string waiting =
        fault <= m_ranks.size() ? m_ranks[fault - 1]->name() : std::string("a GPU");
    return Status(Code::DeviceLost,
                  {{"device", shortName()},
                   {"reason", waiting + " waited for another GPU for " +
                                  std::to_string(kernelPatience().count() / 1000) + " seconds"}});
}

/// A fault is for collect() to tell.
bool CudaGroupExecutor::isDone(Ticket ticket) const {
    if (m_inFlight.empty() || m_inFlight.front().ticket != ticket || !use().ok())
        return true;
    const InFlight& flight = m_inFlight.front();
    return std::chrono::steady_clock::now() > deadlineOf(flight) ||
           std::all_of(m_ranks.begin(), m_ranks.end(), [&](const auto& rank) {
               return !rank->use().ok() || rank->isDone(flight.staging);
           });
}

BatchResult CudaGroupExecutor::collect(Ticket ticket) {
    BatchResult result;
    if (m_inFlight.empty() || m_inFlight.front().ticket != ticket) {
        result.status = brokenCall("ticket " + std::to_string(ticket) + " is not the oldest");
        return result;
    }
    const InFlight flight = std::move(m_inFlight.front());
    m_inFlight.pop_front();
    result.status = note(use());
    for (const auto& rank : m_ranks)
        if (result.status.ok())
            result.status = note(rank->await(flight.staging, deadlineOf(flight)));
    if (result.status.ok())
        result.status = note(checkFault());
    if (result.status.ok())
        result.status = note(taken(flight));
    if (!result.status.ok())
        return result;
    try {
        const CudaStaging& staging = m_staging[flight.staging];
        answerBatch(flight.batch, staging.tokens, staging.logits, m_config.vocabularySize, result);
    } catch (const std::bad_alloc&) {
        result.rows.clear();
        result.status =
            Status(Code::OutOfMemory, {{"need", "the logits of a step"}, {"free", "less"}});
    }
    const auto now = std::chrono::steady_clock::now(); // as in CudaExecutor::collect()
    const std::chrono::nanoseconds total = now - std::max(flight.begin, m_collected);
    m_collected = now;
    result.timings = timingsOf(flight, total.count());
    return result;
}

StepTimings CudaGroupExecutor::timingsOf(const InFlight& flight, std::int64_t total_ns) const {
    std::uint64_t weights = 0;
    std::uint64_t tokenBytes = 0;
    for (const auto& rank : m_ranks) {
        weights += rank->weights().layerBytes() +
                   rank->weights().headBytes() * flight.described.step.passes.size();
        tokenBytes += rank->kv().pageBytes() / kPageTokens;
    }
    return timingsOfBatch(flight.batch, total_ns, weights, tokenBytes);
}

/// After the kernels' own patience with another GPU.
CudaDeadline CudaGroupExecutor::deadlineOf(const InFlight& flight) const {
    return std::max(flight.launched, m_collected) + kernelPatience() +
           stepPatience(timingsOf(flight, 0));
}

CudaDeadline CudaGroupExecutor::deadlineOfAll() const {
    CudaDeadline deadline = std::chrono::steady_clock::now() + kernelPatience() + stepPatience({});
    for (const InFlight& flight : m_inFlight)
        deadline += stepPatience(timingsOf(flight, 0));
    return deadline;
}

Status CudaGroupExecutor::awaitAll() {
    const CudaDeadline deadline = deadlineOfAll();
    for (const auto& rank : m_ranks) {
        INGLENOOK_TRY(rank->use());
        INGLENOOK_TRY(rank->awaitAll(deadline));
    }
    return {};
}

} // namespace engine
