// CudaGroupExecutor's steps: what puts one on all GPUs, and what becomes of it.
#include "engine/device/cuda_group_executor.h"
#include "engine/device/cuda_stage_sums.h"
#include "engine/device/cuda_status.h"
#include "engine/device/cuda_turns.h"

#include <algorithm>
#include <atomic>
#include <new>

namespace engine {

namespace {

/// Of a step that takes longer, whether one of its GPUs failed in the middle is looked at.
constexpr std::chrono::milliseconds kSuspicious{100};
/// In the fault word, plus the rank: its part of a step could not be launched, or failed.
constexpr std::uint32_t kLaunchFault = 0x100;

/// Raises the fault word where a rank's part of a step was not launched. Kernels of the other ranks
/// wait for it: they look at the word, and end within milliseconds. So do slow twins.
class LaunchGuard {
  public:
    /// `sums`: where stages are checked, else nullptr.
    LaunchGuard(std::uint32_t& fault, CudaStageSums* sums, std::uint32_t rank)
        : m_fault(fault), m_sums(sums), m_rank(rank) {}
    ~LaunchGuard() {
        if (m_isLaunched)
            return;
        std::uint32_t none = 0; // the first failure stays
        std::atomic_ref(m_fault).compare_exchange_strong(none, kLaunchFault + m_rank);
        if (m_sums != nullptr)
            m_sums->giveUp();
    }
    LaunchGuard(const LaunchGuard&) = delete;
    LaunchGuard& operator=(const LaunchGuard&) = delete;

    Status note(Status launched) {
        m_isLaunched = launched.ok();
        return launched;
    }

  private:
    std::uint32_t& m_fault;
    CudaStageSums* m_sums;
    std::uint32_t m_rank;
    bool m_isLaunched = false;
};

} // namespace

Status CudaGroupExecutor::mayRun(const Batch& batch) {
    if (!m_loaded)
        return Status(Code::NoModelLoaded);
    const CudaForward& forward = m_ranks.front()->forward();
    INGLENOOK_TRY(checkBatch(batch,
                             {forward.maxRows(), forward.context(), forward.pageCapacity(),
                              m_ranks.front()->kv().pageCount(), m_config.vocabularySize},
                             m_steps.sampled()));
    return note(use());
}

Result<Ticket> CudaGroupExecutor::submit(Batch batch) {
    INGLENOOK_TRY(m_steps.checkRoom());
    INGLENOOK_TRY(mayRun(batch));
    try {
        CudaInFlight flight = m_steps.next(std::move(batch), m_ranks.front()->forward());
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

bool CudaGroupExecutor::isPlainDecode(const CudaInFlight& flight) {
    return flight.described.step.single() && isPureDecode(flight.batch) &&
           !flight.batch.reproducible;
}

Status CudaGroupExecutor::prepare(std::size_t index, const CudaInFlight& flight) {
    CudaRank& rank = *m_ranks[index];
    const bool decodes = isPlainDecode(flight);
    std::int32_t* tokens = index == answeringRank() ? flight.described.step.tokens : nullptr;
    INGLENOOK_TRY(rank.prepare(flight.described, tokens, decodes && m_clocks.empty()));
    if (m_clocks.empty())
        return {};
    return cudaStatus(m_clocks[index]->prepare(rank.forward(), rank.step(), decodes, flight.staging,
                                               rank.stream()),
                      rank.name());
}

Status CudaGroupExecutor::compute(std::size_t index, const CudaInFlight& flight) {
    CudaRank& rank = *m_ranks[index];
    float* logits = index == answeringRank() ? m_steps.staging(flight).logits : nullptr;
    if (m_clocks.empty())
        return rank.run(logits);
    return cudaStatus(
        m_clocks[index]->launch(rank.forward(), rank.step(), logits, flight.staging, rank.stream()),
        rank.name());
}

Status CudaGroupExecutor::launch(const CudaInFlight& flight) {
    INGLENOOK_TRY(m_threads.run([&](std::uint32_t index) { return prepare(index, flight); }));
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
    const Status launched = m_threads.run([&](std::uint32_t index) {
        LaunchGuard guard(*m_fault, m_stageSums, index);
        return guard.note(launchOn(index, flight, turn));
    });
    if (!launched.ok())
        return firstFailure(launched);
    turn.passOn(done);
    return {};
}

Status CudaGroupExecutor::launchOn(std::uint32_t index, const CudaInFlight& flight,
                                   const CudaTurn& turn) {
    CudaRank& rank = *m_ranks[index];
    INGLENOOK_TRY(rank.use());
    INGLENOOK_CUDA_TRY(turn.follow(rank.device(), rank.stream()), rank.name());
    INGLENOOK_TRY(rank.begin(flight.described, m_steps.staging(flight).batch));
    INGLENOOK_TRY(compute(index, flight));
    return rank.end(flight.staging);
}

Status CudaGroupExecutor::firstFailure(Status launched) const {
    const std::uint32_t rank = std::atomic_ref(*m_fault).load() - kLaunchFault;
    std::string name = "one";
    if (rank < m_ranks.size()) { // else a kernel lost its patience before
        launched = m_threads.result(rank);
        name = m_ranks[rank]->name();
    }
    if (launched == Code::DeviceLost)
        return launched;
    return Status(Code::DeviceLost, {{"device", shortName()},
                                     {"reason", "a step began on some of the GPUs only, " + name +
                                                    " had no memory left for it"}});
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

Status CudaGroupExecutor::failureWithin(const CudaInFlight& flight) const {
    for (std::uint32_t i = 0; i < m_ranks.size(); ++i) {
        Status failed = m_ranks[i]->use();
        if (failed.ok())
            failed = m_ranks[i]->failure(flight.staging);
        if (failed.ok())
            continue;
        std::uint32_t none = 0;
        if (m_fault != nullptr)
            std::atomic_ref(*m_fault).compare_exchange_strong(none, kLaunchFault + i);
        return failed;
    }
    return {};
}

Status CudaGroupExecutor::awaitStep(const CudaInFlight& flight) {
    const CudaDeadline deadline = deadlineOf(flight);
    for (const auto& rank : m_ranks) {
        cudaError_t answer = kCudaLate;
        for (CudaDeadline look; answer == kCudaLate && look < deadline;) {
            look = std::min(deadline, std::chrono::steady_clock::now() + kSuspicious);
            INGLENOOK_TRY(rank->use());
            answer = awaitCudaEvent(rank->doneEvent(flight.staging), look);
            if (answer != cudaSuccess)
                INGLENOOK_TRY(failureWithin(flight));
        }
        INGLENOOK_TRY(answer == kCudaLate ? rank->await(flight.staging, deadline)
                                          : cudaStatus(answer, rank->name()));
    }
    return {};
}

/// A fault is for collect() to tell.
bool CudaGroupExecutor::isDone(Ticket ticket) const {
    const CudaInFlight* flight = m_steps.oldest(ticket);
    if (flight == nullptr || !use().ok())
        return true;
    const auto now = std::chrono::steady_clock::now();
    return now > deadlineOf(*flight) ||
           std::all_of(m_ranks.begin(), m_ranks.end(),
                       [&](const auto& rank) {
                           return !rank->use().ok() || rank->isDone(flight->staging);
                       }) ||
           (now > flight->launched + kSuspicious && !failureWithin(*flight).ok());
}

BatchResult CudaGroupExecutor::collect(Ticket ticket) {
    BatchResult result;
    const Result<CudaInFlight> oldest = m_steps.pop(ticket);
    if (!oldest.ok()) {
        result.status = oldest.status();
        return result;
    }
    const CudaInFlight& flight = *oldest;
    result.status = note(use());
    if (result.status.ok())
        result.status = note(awaitStep(flight));
    if (result.status.ok())
        result.status = note(checkFault());
    if (result.status.ok())
        result.status = note(takeTimes(flight));
    if (!result.status.ok())
        return result;
    m_steps.answer(flight, m_config.vocabularySize, result);
    result.timings = timingsOf(flight, m_steps.finish(flight).count());
    return result;
}

StepTimings CudaGroupExecutor::timingsOf(const CudaInFlight& flight, std::int64_t total_ns) const {
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
CudaDeadline CudaGroupExecutor::deadlineOf(const CudaInFlight& flight) const {
    return m_steps.startOf(flight) + kernelPatience() + stepPatience(timingsOf(flight, 0));
}

CudaDeadline CudaGroupExecutor::deadlineOfAll() const {
    CudaDeadline deadline = std::chrono::steady_clock::now() + kernelPatience() + stepPatience({});
    for (const CudaInFlight& flight : m_steps.all())
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
